package dev.sotto.participant.home;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The hours of a day in which an organisation takes part.
///
/// @param from included
/// @param to   excluded; before `from` if they pass midnight, the same if they are the whole day
/// @param zone by which they are read
public record OpeningHours(LocalTime from, LocalTime to, ZoneId zone) {
    private static final Pattern TEXT = Pattern.compile("(\\d\\d:\\d\\d)-(\\d\\d:\\d\\d) (\\S+)");
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm");

    /// `HH:MM-HH:MM ZONE`.
    ///
    /// @throws DateTimeException if it is none
    public static OpeningHours of(String text) {
        Matcher parts = TEXT.matcher(text);
        if (!parts.matches()) {
            throw new DateTimeException(text + " is not HH:MM-HH:MM ZONE");
        }
        return new OpeningHours(time(parts.group(1)), time(parts.group(2)), ZoneId.of(parts.group(3)));
    }

    private static LocalTime time(String text) {
        return text.equals("24:00") ? LocalTime.MIDNIGHT : LocalTime.parse(text, TIME);
    }

    /// Whether they include that instant.
    public boolean include(Instant instant) {
        LocalTime time = instant.atZone(zone).toLocalTime();
        return from.isBefore(to)
                ? !time.isBefore(from) && time.isBefore(to)
                : !time.isBefore(from) || time.isBefore(to);
    }

    /// As in the file.
    @Override
    public String toString() {
        return from + "-" + to + " " + zone;
    }
}
