package dev.sotto.coordinator.dashboard;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Quantities as people read them.
final class Words {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss 'UTC'", Locale.ROOT)
            .withZone(ZoneOffset.UTC);
    private static final DateTimeFormatter DAY =
            DateTimeFormatter.ofPattern("yyyy-MM-dd", Locale.ROOT).withZone(ZoneOffset.UTC);

    private Words() {}

    static String time(Instant at) {
        return TIME.format(at);
    }

    static String day(Instant at) {
        return DAY.format(at);
    }

    /// Like `850 kB`, in powers of ten.
    static String bytes(long bytes) {
        String[] units = {"B", "kB", "MB", "GB", "TB", "PB"};
        double value = bytes;
        int unit = 0;
        while (value >= 999.5 && unit < units.length - 1) {
            value /= 1000;
            unit++;
        }
        String format = unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s";
        return whole(String.format(Locale.ROOT, format, value, units[unit]));
    }

    /// Like `0.4 s`, and from ten seconds on as [#span].
    static String seconds(double seconds) {
        return seconds < 9.95 ? whole(String.format(Locale.ROOT, "%.1f s", seconds)) : span(Math.round(seconds));
    }

    /// Like `7 s`, `3 min 20 s`, `2 h 5 min`, `12 days`.
    static String span(long seconds) {
        if (seconds < 60) {
            return whole(seconds + " s");
        }
        if (seconds < 3600) {
            return whole(seconds / 60 + " min" + (seconds % 60 == 0 ? "" : " " + seconds % 60 + " s"));
        }
        if (seconds < 2 * 86_400) {
            return whole(seconds / 3600 + " h" + (seconds % 3600 < 60 ? "" : " " + seconds % 3600 / 60 + " min"));
        }
        return whole(seconds / 86_400 + " days");
    }

    /// How long ago something was.
    static String ago(Instant at, Instant now) {
        long seconds = Duration.between(at, now).toSeconds();
        return whole(seconds < 2 ? "just now" : span(seconds) + " ago");
    }

    /// No line is broken within.
    static String whole(String text) {
        return text.replace(' ', '\u00a0');
    }

    /// Four significant digits.
    static String number(double value) {
        return String.format(Locale.ROOT, "%.4g", value);
    }

    static String share(@Nullable Double share) {
        return share == null ? "not known" : share == 0 ? "none" : String.format(Locale.ROOT, "%.3g %%", 100 * share);
    }

    /// `1 member`, `2 members`.
    static String count(long count, String what) {
        return count + " " + what + (count == 1 ? "" : "s");
    }
}
