package dev.sotto.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// A page of `docs/benchmarks` of which a command writes one part: all between a mark with its name and the
/// next end.
final class Page {
    private static final String END = "<!-- until here -->";

    private Page() {}

    /// Puts another text between the marks; a page that is not there yet becomes marks and text.
    ///
    /// @throws IllegalArgumentException if the page has no such marks
    static void write(Path page, String command, String text) throws IOException {
        String begin = "<!-- written by ./sotto bench " + command + " -->";
        String old = Files.exists(page) ? Files.readString(page) : begin + END + "\n";
        int from = old.indexOf(begin);
        int to = old.indexOf(END, Math.max(0, from));
        if (from < 0 || to < 0) {
            throw new IllegalArgumentException(page + " must hold the lines '" + begin + "' and '" + END + "'");
        }
        Files.writeString(page, old.substring(0, from + begin.length()) + "\n" + text + old.substring(to));
    }
}
