package dev.sotto.participant.cli;

import dev.sotto.training.djl.Trainer;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/// Tells how a training gets on: on a terminal one line that changes, with a bar; elsewhere a line for the
/// first and last step and at most one every ten seconds between. One thread at a time.
final class Meter {
    private static final long OFTEN = Duration.ofMillis(200).toNanos();
    private static final long SELDOM = Duration.ofSeconds(10).toNanos();
    private static final int BAR = 24;

    private final PrintWriter out;
    private final boolean terminal;
    private final LongSupplier nanos;
    private final String place;
    private final long began;
    private long told;
    private long tokens;
    private int made;

    /// @param place what comes before each line
    /// @param nanos a clock as [System#nanoTime] is one
    Meter(PrintWriter out, boolean terminal, LongSupplier nanos, String place) {
        this.out = out;
        this.terminal = terminal;
        this.nanos = nanos;
        this.place = place;
        this.began = nanos.getAsLong();
        this.told = began;
    }

    /// A step was made.
    void step(Trainer.Step step) {
        tokens += step.tokens();
        made++;
        long now = nanos.getAsLong();
        boolean last = step.number() == step.of();
        if (made > 1 && !last && now - told < (terminal ? OFTEN : SELDOM)) {
            return;
        }
        told = now;
        double seconds = Math.max(1e-9, (now - began) / 1e9);
        String figures = String.format(
                Locale.ROOT,
                "%sstep %d of %d  loss %.4f  %.0f tokens/s  %s",
                place,
                step.number(),
                step.of(),
                step.loss(),
                tokens / seconds,
                last ? "took " + time(seconds) : time(seconds / made * (step.of() - step.number())) + " left");
        if (terminal) {
            int full = (int) ((long) BAR * step.number() / step.of());
            out.print("\r" + "█".repeat(full) + "░".repeat(BAR - full) + " " + figures + "\033[K" + (last ? "\n" : ""));
        } else {
            out.println(figures);
        }
        out.flush();
    }

    /// How many tokens, without padding.
    long tokens() {
        return tokens;
    }

    private static String time(double seconds) {
        long whole = Math.round(seconds);
        return whole < 3600
                ? String.format(Locale.ROOT, "%d:%02d", whole / 60, whole % 60)
                : String.format(Locale.ROOT, "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
    }
}
