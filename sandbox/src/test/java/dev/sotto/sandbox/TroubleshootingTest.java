package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.sandbox.demo.Artefacts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// `docs/troubleshooting.md` has an entry for every code that the programs can give, and none that they cannot. Codes
/// are read from the sources: most of them are words where they are used.
class TroubleshootingTest {
    private static final Path ROOT = Artefacts.ofThisBuild().root();
    private static final Pattern ENTRY = Pattern.compile("^\\| `([^`]+)` \\|.+\\|$", Pattern.MULTILINE);
    private static final String CRYPTO = "crypto/src/main/java/dev/sotto/crypto/secagg";
    private static final String PARTICIPANT = "participant/src/main/java/dev/sotto/participant";
    private static final String COORDINATOR = "coordinator/src/main/java/dev/sotto/coordinator";

    /// The codes of a section of the document, up to the next heading of its level.
    private static SortedSet<String> entries(String heading) throws IOException {
        String document = Files.readString(ROOT.resolve("docs/troubleshooting.md"));
        int from = document.indexOf("\n## " + heading + "\n");
        assertThat(from).as(heading).isPositive();
        int to = document.indexOf("\n## ", from + 1);
        return all(document.substring(from, to < 0 ? document.length() : to), ENTRY);
    }

    private static SortedSet<String> all(String text, Pattern pattern) {
        SortedSet<String> found = new TreeSet<>();
        Matcher matcher = pattern.matcher(text);
        while (matcher.find()) {
            found.add(matcher.group(1));
        }
        return found;
    }

    /// What `code`, an expression with one group, finds in the sources below a folder.
    private static SortedSet<String> codes(String folder, String code) throws IOException {
        SortedSet<String> found = new TreeSet<>();
        List<Path> sources;
        try (Stream<Path> files = Files.walk(ROOT.resolve(folder))) {
            sources = files.filter(file -> file.toString().endsWith(".java"))
                    .sorted()
                    .toList();
        }
        for (Path source : sources) {
            found.addAll(all(Files.readString(source), Pattern.compile(code, Pattern.MULTILINE)));
        }
        return found;
    }

    private static SortedSet<String> constants(String file) throws IOException {
        return all(
                Files.readString(ROOT.resolve(file)), Pattern.compile("^    ([A-Z][A-Z_]+)[,;]?$", Pattern.MULTILINE));
    }

    @SafeVarargs
    private static SortedSet<String> union(SortedSet<String>... sets) {
        SortedSet<String> all = new TreeSet<>();
        for (SortedSet<String> set : sets) {
            all.addAll(set);
        }
        return all;
    }

    @Test
    void refusals_haveAnEntryEach() throws Exception {
        assertThat(entries("Reasons of refusals"))
                .isEqualTo(constants(CRYPTO + "/Refusal.java"))
                .hasSizeGreaterThan(20);
    }

    @Test
    void reasonsOfAbortedAttempts_haveAnEntryEach() throws Exception {
        SortedSet<String> words = union(
                codes(CRYPTO, "String (?:COMPLAINT|NEEDS_LIFT) = \"(\\w+)\""),
                codes(COORDINATOR, "Input\\.Abort\\(\\s*\"(\\w+)\""),
                codes(CRYPTO, "abort\\(\\s*state,\\s*Refusal\\.(\\w+)\\.name"));
        // Rebuilding a secret that a member shared blames it for nothing else.
        SortedSet<String> faults = codes(CRYPTO, "PeerMisbehaved\\(Refusal\\.(COMMITMENT), owner");
        assertThat(entries("Reasons of aborted attempts"))
                .isEqualTo(union(words, faults))
                .hasSizeGreaterThan(3);
    }

    @Test
    void everyAbort_givesAReasonThatThisTestKnows() throws Exception {
        // Each way of calling it that is not a declaration: a new one belongs into the test above, and the document.
        assertThat(codes(CRYPTO, "[^.\\w]abort\\(\\s*state,\\s*([^,]+),"))
                .containsExactly(
                        "COMPLAINT",
                        "NEEDS_LIFT",
                        "Refusal.TOO_FEW.name()",
                        "abort.reason()",
                        "fault.reason().name()",
                        "reason");
    }

    @Test
    void reasonsOfDeclining_haveAnEntryEach() throws Exception {
        assertThat(entries("Reasons of declining"))
                .isEqualTo(union(
                        codes(CRYPTO, "GaveUp\\(\\s*\"(\\w+)\""),
                        codes(PARTICIPANT, "(?:GaveUp|RoundDeclined)\\(\\s*\"(\\w+)\"")))
                .hasSizeGreaterThan(2);
    }

    @Test
    void reasonsOfBeingLeftOut_haveAnEntryEach() throws Exception {
        assertThat(entries("Reasons of being left out"))
                .isEqualTo(codes(COORDINATOR, "String SILENT = \"(\\w+)\""))
                .hasSize(1);
    }

    @Test
    void errorsOfTheAgent_haveAnEntryEach() throws Exception {
        assertThat(entries("Errors of the agent"))
                .isEqualTo(codes(PARTICIPANT + "/agent", "\\.error\\(\\s*\"([a-z-]+)\""))
                .hasSizeGreaterThan(8);
    }

    @Test
    void endsOfAnAttempt_haveAnEntryEach() throws Exception {
        String status = Files.readString(ROOT.resolve(PARTICIPANT + "/agent/Status.java"));
        int ends = status.indexOf(" ENDS = ");
        assertThat(entries("Ends of an attempt"))
                .isEqualTo(union(
                        all(status.substring(ends, status.indexOf(';', ends)), Pattern.compile("\"([a-z-]+)\"")),
                        all(status, Pattern.compile("reason\\.equals\\(\"(not-verified)\"\\)"))))
                .hasSizeGreaterThan(5);
    }

    @Test
    void alerts_haveAnEntryEach() throws Exception {
        String rules = Files.readString(ROOT.resolve("helm/coordinator/monitoring/rules.yaml"));
        assertThat(entries("Alerts"))
                .isEqualTo(all(rules, Pattern.compile("- alert: (\\w+)")))
                .hasSizeGreaterThan(8);
    }

    @Test
    void checksOfTheDoctor_haveAnEntryEach() throws Exception {
        assertThat(entries("Checks of `sotto doctor`"))
                .isEqualTo(
                        codes(PARTICIPANT + "/doctor", "Finding\\.(?:ok|warning|failed|skipped)\\(\\s*\"([a-z-]+)\""))
                .hasSizeGreaterThan(12);
    }

    @Test
    void checksOfAnAudit_haveAnEntryEach() throws Exception {
        SortedSet<String> checks = new TreeSet<>();
        for (String check : constants(PARTICIPANT + "/audit/Check.java")) {
            checks.add(check.toLowerCase(Locale.ROOT).replace('_', '-'));
        }
        assertThat(entries("Checks of `sotto audit`")).isEqualTo(checks).hasSizeGreaterThan(18);
    }

    @Test
    void httpStatus_haveAnEntryEach() throws Exception {
        assertThat(entries("HTTP status"))
                .isEqualTo(union(
                        codes(COORDINATOR, "new Refused\\(\\s*(\\d{3})\\b"),
                        codes(COORDINATOR + "/rest", "(?:\\bof|status|setStatusCode|Refusal)\\(\\s*(\\d{3})\\b")))
                .hasSizeGreaterThan(4);
    }

    @Test
    void exitCodes_haveAnEntryEach() throws Exception {
        String program = Files.readString(ROOT.resolve(PARTICIPANT + "/cli/Sotto.java"));
        String said = program.substring(program.indexOf("Exit codes:"), program.indexOf("@Command"));
        assertThat(entries("Exit codes"))
                .isEqualTo(all(said, Pattern.compile("\\b(\\d) ")))
                .hasSizeGreaterThan(3);
    }
}
