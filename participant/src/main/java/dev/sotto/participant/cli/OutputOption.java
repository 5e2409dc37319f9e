package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.PrintWriter;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/// How a command says what came of it.
final class OutputOption {
    /// The ways.
    enum Format {
        /// For people.
        text,
        /// One JSON object on standard output; what happens meanwhile goes to standard error.
        json
    }

    @Option(
            names = "--output",
            paramLabel = "text|json",
            defaultValue = "text",
            description = "For people, or one JSON object (default ${DEFAULT-VALUE}).")
    Format format = Format.text;

    /// Says what a command made, and where.
    void tell(PrintWriter out, String kind, Path made, String sentence) {
        out.println(json() ? JsonNodeFactory.instance.objectNode().put(kind, made.toString()) : sentence);
    }

    boolean json() {
        return format == Format.json;
    }
}
