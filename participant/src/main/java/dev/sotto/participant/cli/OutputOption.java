package dev.sotto.participant.cli;

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

    boolean json() {
        return format == Format.json;
    }
}
