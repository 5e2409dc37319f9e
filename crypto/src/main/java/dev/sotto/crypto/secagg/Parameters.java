package dev.sotto.crypto.secagg;

import dev.sotto.crypto.fixedpoint.Rows;
import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.VectorLayout;
import java.util.Optional;

/// The inequalities of protocol §2. The coordinator checks them when it is configured, every member again
/// with its own numbers.
public final class Parameters {
    private Parameters() {}

    /// The default threshold ⌊(n + c)/2⌋ + 1.
    public static int defaultThreshold(int cohort, int maxColluders) {
        return (cohort + maxColluders) / 2 + 1;
    }

    /// The default c: none for three members, else one.
    public static int defaultMaxColluders(int cohort) {
        return cohort == 3 ? 0 : 1;
    }

    /// What the parameters break, with its numbers; nothing if all holds.
    ///
    /// @param rules the checking member's own
    public static Optional<String> infeasible(RoundOpened opened, MemberRules rules) {
        int n = opened.cohort().size();
        int t = opened.threshold();
        int c = Math.max(opened.maxColluders(), rules.maxColluders());
        int least = Math.max(Math.max(3, c + 2), rules.minSurvivors());
        if (n < rules.smallestCohort()) {
            return Optional.of("the cohort has " + n + " members, policy wants " + rules.smallestCohort());
        }
        if (t < 2 || 2 * t <= n + c) {
            return Optional.of("threshold " + t + " must be at least 2 and 2t > n + c = " + (n + c) + ", with " + n
                    + " members and maxColluders " + c + " of the round or of this member's policy");
        }
        if (t > n - opened.maxDropouts()) {
            return Optional.of("threshold " + t + " exceeds n - maxDropouts = " + (n - opened.maxDropouts()));
        }
        if (opened.minSurvivors() < least) {
            return Optional.of("minSurvivors " + opened.minSurvivors() + " must be at least " + least
                    + ": 3, maxColluders and 2, and this member's minSurvivors");
        }
        if (opened.minSurvivors() > n - opened.maxDropouts()) {
            return Optional.of("minSurvivors " + opened.minSurvivors() + " exceeds n - maxDropouts = "
                    + (n - opened.maxDropouts()));
        }
        return encoding(opened);
    }

    private static Optional<String> encoding(RoundOpened opened) {
        Weighting weighting;
        try {
            weighting = Weighting.of(opened.weighting());
        } catch (IllegalArgumentException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
        if (opened.ringBits() == 16 && weighting == Weighting.EXACT) {
            return Optional.of("weighting exact needs ringBits 24 or 32");
        }
        int rows = Rows.of(opened.plan());
        VectorLayout last = opened.layout().getLast();
        if (!last.equals(Scalars.layout(weighting, rows))) {
            return Optional.of("the last vector must be scalars as " + opened.weighting()
                    + (rows == 0 ? " has it" : " and " + rows + " rows have it"));
        }
        Optional<String> unfit =
                rows == 0 ? Optional.empty() : Rows.unfit(opened.layout().getFirst(), rows);
        if (unfit.isPresent() || rows > 0 && opened.layout().size() != 2) {
            return Optional.of("LoRA mode mixed needs the vectors adapter and scalars, with matrices A and B of rank "
                    + rows + unfit.map(name -> ", and has " + name).orElse(""));
        }
        for (VectorLayout vector : opened.layout()) {
            if (vector.size() > Integer.MAX_VALUE - 8) {
                return Optional.of("vector " + vector.name() + " has " + vector.size() + " coordinates, too many");
            }
        }
        return Optional.empty();
    }

    /// The ring of a vector: k = 32 for the scalars, else the round's.
    public static Ring ring(RoundOpened opened, VectorLayout vector) {
        return vector.name().equals(Scalars.NAME) ? Ring.K32 : Ring.of(opened.ringBits());
    }
}
