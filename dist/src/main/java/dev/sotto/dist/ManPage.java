package dev.sotto.dist;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/// A command as a page of section 1, in the macros of man(7). picocli's own generator writes AsciiDoc, for which a
/// build would need AsciiDoctor.
final class ManPage {
    private final StringBuilder page = new StringBuilder();

    private ManPage() {}

    /// The page of a command: its options, and those of all commands below it. The page of `sotto` itself names the
    /// pages of its commands instead.
    static String of(CommandLine command) {
        return new ManPage().page(command);
    }

    private String page(CommandLine command) {
        CommandSpec spec = command.getCommandSpec();
        boolean top = spec.parent() == null;
        String name = spec.qualifiedName("-");
        page.append(".TH %s 1 \"\" \"%s\" \"Sotto\"\n"
                .formatted(
                        escape(name).toUpperCase(java.util.Locale.ROOT),
                        escape(spec.root().version()[0])));
        section("NAME");
        page.append(escape(name)).append(" \\- ").append(text(spec)).append('\n');
        section("SYNOPSIS");
        synopsis(command);
        section("DESCRIPTION");
        page.append(text(spec)).append('\n');
        arguments(spec, "OPTIONS");
        if (!command.getSubcommands().isEmpty()) {
            section("COMMANDS");
            if (top) {
                command.getSubcommands().values().stream()
                        .map(CommandLine::getCommandSpec)
                        .forEach(below -> item(".BR " + escape(below.qualifiedName("-")) + " (1)", text(below)));
            } else {
                command.getSubcommands().values().forEach(this::below);
            }
        }
        section("EXIT STATUS");
        item(".B 0", "Done.");
        item(".B 1", "It failed.");
        item(".B 2", "Wrong usage, input or environment.");
        item(".B 3", "Of an audit: not everything could be checked.");
        if (!top) {
            section("SEE ALSO");
            page.append(".BR sotto (1)\n");
        }
        return page.toString();
    }

    private void below(CommandLine command) {
        if (command.getSubcommands().isEmpty()) {
            CommandSpec spec = command.getCommandSpec();
            page.append(".SS ").append(escape(spec.qualifiedName())).append('\n');
            page.append(text(spec)).append("\n.PP\n");
            synopsis(command);
            arguments(spec, "");
        } else {
            command.getSubcommands().values().forEach(this::below);
        }
    }

    private void section(String title) {
        page.append(".SH ").append(title).append('\n');
    }

    private void item(String tag, String text) {
        page.append(".TP\n").append(tag).append('\n').append(text).append('\n');
    }

    private void synopsis(CommandLine command) {
        CommandLine.Help help = new CommandLine.Help(
                command.getCommandSpec(), new CommandLine.Help.ColorScheme.Builder(Ansi.OFF).build());
        page.append(".nf\n").append(lines(help.synopsis(0))).append(".fi\n");
    }

    private void arguments(CommandSpec spec, String title) {
        List<ArgSpec> shown =
                spec.args().stream().filter(argument -> !argument.hidden()).toList();
        if (!title.isEmpty() && !shown.isEmpty()) {
            section(title);
        }
        for (ArgSpec argument : shown) {
            String label = argument.arity().max() == 0 ? "" : "\\fI" + escape(argument.paramLabel()) + "\\fR";
            String tag = switch (argument) {
                case OptionSpec option ->
                    Arrays.stream(option.names())
                            .map(each -> "\\fB" + escape(each) + "\\fR"
                                    + (label.isEmpty() ? "" : (each.startsWith("--") ? "=" : " ") + label))
                            .collect(Collectors.joining(", "));
                case PositionalParamSpec _ -> label;
                default -> throw new IllegalStateException(argument.toString());
            };
            item(tag, prose(String.join(" ", argument.description())));
        }
    }

    private static String text(CommandSpec spec) {
        return prose(String.join(" ", spec.usageMessage().description()));
    }

    /// A line of running text; picocli's texts are formats.
    private static String prose(String format) {
        return escape(format.formatted().strip().replaceAll("\\s+", " "));
    }

    private static String lines(String text) {
        return text.lines().map(line -> escape(line) + "\n").collect(Collectors.joining());
    }

    /// No backslash, hyphen or control character at the start of a line is taken for a request.
    private static String escape(String text) {
        String plain = text.replace("\\", "\\e").replace("-", "\\-");
        return plain.startsWith(".") || plain.startsWith("'") ? "\\&" + plain : plain;
    }
}
