package dev.sotto.crypto.secagg;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RoundOpened;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/// Who takes part in a round if not everybody does (protocol §10, "Sampled cohorts"): everyone can draw it
/// again. A coordinator that chooses when rounds close can try for a seed that it likes.
public final class SampledCohort {
    /// Fewest members of a sampled cohort of a federation; experiments on plain updates may have fewer.
    public static final int LEAST = 3;

    private SampledCohort() {}

    /// H(enc("sotto/1/cohort", T5, round)). An attempt that is made anew keeps the seed.
    ///
    /// @param t5    the transcript hash of the last closed round
    /// @param round that is drawn for, from 0
    public static Bytes seed(Bytes t5, long round) {
        return Enc.hash("sotto/1/cohort", t5, round);
    }

    /// Of the attempt that comes after `chain`; the seed of an attempt that is made anew is the round's.
    ///
    /// @throws IllegalArgumentException if there are not so many
    public static List<String> next(Chain chain, Collection<String> candidates, int size) {
        return of(seed(chain.closing(), chain.closed() ? chain.round() + 1 : chain.round()), candidates, size);
    }

    /// What is wrong with a cohort; nothing if it is what its seed draws, or if everybody takes part. Whether the
    /// candidates are all that approve each other it does not tell: ADR 9.
    ///
    /// @param t5 the transcript hash of the last closed round before it, 32 zero bytes if there is none
    public static Optional<String> fault(Bytes t5, RoundOpened opened) {
        if (opened.candidates().isEmpty()) {
            return Optional.empty();
        }
        List<String> drawn = of(
                seed(t5, opened.round()), opened.candidates(), opened.cohort().size());
        return drawn.equals(opened.cohort())
                ? Optional.empty()
                : Optional.of("the cohort is " + opened.cohort() + ", the seed draws " + drawn);
    }

    /// The `size` members whose H(enc(seed, id)) are smallest, read as unsigned big-endian numbers.
    ///
    /// @param members all that could take part, each once; their order does not matter
    /// @return in ascending order
    /// @throws IllegalArgumentException if there are not so many
    public static List<String> of(Bytes seed, Collection<String> members, int size) {
        if (size < 1 || size > members.size()) {
            throw new IllegalArgumentException(
                    "a cohort of " + size + " cannot be drawn from " + members.size() + " members");
        }
        record Ticket(Bytes hash, String member) {}
        return members.stream()
                .map(member -> new Ticket(Enc.hash(seed, member), member))
                .sorted(Comparator.comparing(Ticket::hash))
                .limit(size)
                .map(Ticket::member)
                .sorted()
                .toList();
    }
}
