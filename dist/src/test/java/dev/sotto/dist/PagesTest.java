package dev.sotto.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/// Completion and man pages have all of the command line.
class PagesTest {
    @TempDir
    Path share;

    @BeforeEach
    void write() throws IOException {
        Pages.main(new String[] {share.toString()});
    }

    private String page(String name) throws IOException {
        return Files.readString(share.resolve("man/man1").resolve(name));
    }

    private List<String> completed(String... words) throws Exception {
        Path script = Files.writeString(
                share.resolve("complete.sh"), """
                . %s
                COMP_WORDS=("$@")
                COMP_CWORD=$(($# - 1))
                $(complete -p sotto | sed 's/.*-F \\([^ ]*\\) .*/\\1/') 2>/dev/null
                printf '%%s\\n' "${COMPREPLY[@]}"
                """.formatted(share.resolve("bash-completion/completions/sotto")));
        String[] arguments =
                Stream.concat(Stream.of(script.toString()), Stream.of(words)).toArray(String[]::new);
        Script bash = Script.run(Map.of(), Path.of("bash"), arguments);
        assertThat(bash.exitCode()).as(bash.output()).isZero();
        return bash.output().lines().map(String::strip).toList();
    }

    @Test
    void completion_knowsCommandsOptionsAndValues() throws Exception {
        assertThat(completed("sotto", "au")).containsExactly("audit");
        assertThat(completed("sotto", "admin", "in")).containsExactly("invite", "init");
        assertThat(completed("sotto", "coordinator", "")).contains("run").doesNotContain("init");
        assertThat(completed("sotto", "coordinator", "run", "--log")).containsExactly("--log-format");
        assertThat(completed("sotto", "status", "--output", "")).containsExactly("text", "json");
    }

    @Test
    void pages_nameEveryCommandAndOption() throws Exception {
        String top = page("sotto.1");
        for (CommandLine command : Pages.sotto().getSubcommands().values()) {
            String name = "sotto-" + command.getCommandName();
            assertThat(top).contains(".BR " + name.replace("-", "\\-") + " (1)\n");
            namesAll(page(name + ".1"), command);
        }
    }

    private static void namesAll(String page, CommandLine command) {
        assertThat(page).doesNotContain("${", "%n", "%%");
        for (ArgSpec argument : command.getCommandSpec().args()) {
            if (argument instanceof OptionSpec option && !option.hidden()) {
                assertThat(page).contains("\\fB" + option.longestName().replace("-", "\\-") + "\\fR");
            }
        }
        for (CommandLine below : command.getSubcommands().values()) {
            assertThat(page).contains(below.getCommandName());
            namesAll(page, below);
        }
    }

    @Test
    void pages_renderWithoutAWarning() throws Exception {
        assumeTrue(
                Stream.of(System.getenv("PATH").split(":"))
                        .anyMatch(folder -> Files.isExecutable(Path.of(folder, "groff"))),
                "groff is not installed");
        try (Stream<Path> pages = Files.list(share.resolve("man/man1"))) {
            for (Path file : pages.toList()) {
                Script rendered = Script.run(
                        Map.of(), Path.of("groff"), "-man", "-Tutf8", "-k", "-ww", "-P-cbou", file.toString());
                assertThat(rendered.exitCode()).isZero();
                assertThat(rendered.output()).contains("NAME", "SYNOPSIS").doesNotContain("warning");
            }
        }
    }
}
