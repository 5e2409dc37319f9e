package dev.sotto.sandbox.demo;

import java.io.PrintWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import java.util.function.Supplier;

/// What a person follows: a line for each thing that happened, and on a terminal one live line below
/// them.
///
/// Used by one thread.
public final class Display {
    private static final String CLEAR = "\r\u001b[2K";
    private static final int WIDEST = 150;

    private final PrintWriter out;
    private final boolean terminal;
    private final Supplier<Instant> clock;
    private final Instant began;
    private boolean live;

    /// To `out`.
    ///
    /// @param terminal whether `out` is one
    public Display(PrintWriter out, boolean terminal, Supplier<Instant> clock) {
        this.out = out;
        this.terminal = terminal;
        this.clock = clock;
        this.began = clock.get();
    }

    /// Something happened.
    public void say(String what, String detail) {
        clear();
        out.println(String.format(Locale.ROOT, "%5.1f s  %-12s %s", seconds(), what, detail));
        out.flush();
    }

    /// Text without a time.
    public void print(String text) {
        clear();
        out.println(text);
        out.flush();
    }

    /// Who is where; shown on a terminal only, instead of the last live line.
    public void live(long round, long rounds, Map<String, Watch.Place> places, Duration left) {
        if (!terminal) {
            return;
        }
        StringJoiner who = new StringJoiner("  ");
        double loss = 0;
        int trained = 0;
        long up = 0;
        for (Map.Entry<String, Watch.Place> entry : places.entrySet()) {
            Watch.Place place = entry.getValue();
            who.add(entry.getKey() + " "
                    + (place.phase().equals("training") ? place.step() + "/" + place.steps() : place.phase()));
            up += place.up();
            if (!Double.isNaN(place.loss())) {
                loss += place.loss();
                trained++;
            }
        }
        String line = String.format(
                Locale.ROOT,
                "%5.1f s  round %d/%d  %s  loss %s  sent %s%s",
                seconds(),
                round + 1,
                rounds,
                who,
                trained == 0 ? "-" : String.format(Locale.ROOT, "%.3f", loss / trained),
                bytes(up),
                left.isZero() ? "" : "  about " + left.toSeconds() + " s left");
        out.print(CLEAR + (line.length() > WIDEST ? line.substring(0, WIDEST) : line));
        out.flush();
        live = true;
    }

    /// Removes the live line.
    public void clear() {
        if (live) {
            out.print(CLEAR);
            out.flush();
            live = false;
        }
    }

    /// Bytes as people read them.
    public static String bytes(long bytes) {
        return bytes < 1_000_000
                ? String.format(Locale.ROOT, "%.1f kB", bytes / 1e3)
                : String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
    }

    private double seconds() {
        return Duration.between(began, clock.get()).toMillis() / 1e3;
    }
}
