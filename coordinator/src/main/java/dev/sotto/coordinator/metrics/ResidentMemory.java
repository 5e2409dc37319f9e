package dev.sotto.coordinator.metrics;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Physical memory that this process takes: the JVM's, and what libraries take besides. Micrometer has no meter of
/// it.
final class ResidentMemory {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Pattern RESIDENT = Pattern.compile("(?m)^VmRSS:\\s+(\\d+) kB$");

    private ResidentMemory() {}

    /// As Linux counts it; NaN on a system that does not say.
    static double bytes() {
        try {
            // Its length is said to be 0.
            return parse(new String(Files.readAllBytes(STATUS), StandardCharsets.US_ASCII));
        } catch (IOException e) {
            return Double.NaN;
        }
    }

    static double parse(String status) {
        Matcher resident = RESIDENT.matcher(status);
        return resident.find() ? 1024.0 * Long.parseLong(resident.group(1)) : Double.NaN;
    }
}
