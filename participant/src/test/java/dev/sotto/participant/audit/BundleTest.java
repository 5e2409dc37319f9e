package dev.sotto.participant.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.participant.audit.Finding.Outcome;
import dev.sotto.participant.cli.Sotto;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/// Whoever has a bundle finds what a member finds in the log; whoever changed one is found out.
class BundleTest {
    private final RecordedFederation federation;
    private final Path folder;
    private final Path file;

    BundleTest(@TempDir Path folder) {
        this.folder = folder;
        federation = new RecordedFederation(folder, 2);
        federation.dies.put("clinic", MessageType.SHARES_DEALT);
        federation.attempt();
        file = folder.resolve("rounds.sotto");
    }

    private List<Finding> export(boolean withKeys) throws IOException {
        List<Finding> findings = new ArrayList<>();
        try (BundleWriter bundle = new BundleWriter(file, federation, federation.keys("bank"), withKeys)) {
            Audit audit =
                    new Audit(RecordedFederation.PRIMITIVES, federation.anchor(), bundle, bundle, findings::add, 1);
            Set<Long> rounds = audit.run(round -> true, Set.of());
            Vouched word = federation.vouches("bank", audit);
            audit.end(Optional.of(word));
            bundle.finish(federation.anchor(), rounds, word);
        }
        return findings;
    }

    private static List<Finding> audit(Path file) throws IOException, InvalidFile {
        List<Finding> findings = new ArrayList<>();
        try (Bundle bundle = Bundle.open(file)) {
            Audit audit = new Audit(
                    RecordedFederation.PRIMITIVES, bundle.description().anchor(), bundle, bundle, findings::add, 1);
            var _ = audit.run(round -> true, Set.copyOf(bundle.description().rounds()));
            audit.end(bundle.vouched());
        }
        return findings;
    }

    private record Run(int code, String out, String err) {}

    private static Run sotto(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine line = Sotto.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        return new Run(line.execute(arguments), out.toString(), err.toString());
    }

    private String fingerprint() {
        return Enc.sha256(federation.coordinator.key()).hex();
    }

    /// But for the identities, which an auditor has not compared.
    private static List<Finding> withoutIdentities(List<Finding> findings) {
        return findings.stream()
                .filter(finding -> finding.check() != Check.IDENTITIES)
                .toList();
    }

    @Test
    void bundle_ofAnAudit_givesTheSameFindings() throws Exception {
        List<Finding> exported = export(true);
        assertThat(exported).allMatch(finding -> finding.outcome() == Outcome.PASSED);
        assertThat(withoutIdentities(audit(file))).isEqualTo(withoutIdentities(exported));
        assertThat(Files.getPosixFilePermissions(file)).isEqualTo(PosixFilePermissions.fromString("rw-------"));
        try (var left = Files.list(folder)) {
            assertThat(left.map(path -> path.getFileName().toString()))
                    .contains("rounds.sotto")
                    .doesNotContain("rounds.sotto.new");
        }
        byte[] bytes = Files.readAllBytes(file);
        export(true);
        assertThat(Files.readAllBytes(file)).as("the same again").isEqualTo(bytes);
    }

    @Test
    void bundleWithoutKeys_showsWhoSaidWhatAndNoSum() throws Exception {
        List<Finding> exported = export(false);
        assertThat(exported).allMatch(finding -> finding.outcome() == Outcome.PASSED);
        List<Finding> findings = audit(file);
        assertThat(findings).noneMatch(finding -> finding.outcome() == Outcome.FAILED);
        assertThat(findings)
                .filteredOn(finding -> finding.outcome() == Outcome.UNCHECKED)
                .extracting(Finding::check)
                .containsExactly(Check.SEEDS, Check.SUM, Check.STEP, Check.MODEL);
        try (ZipFile zip = new ZipFile(file.toFile())) {
            assertThat(zip.stream().map(ZipEntry::getName))
                    .contains("control", "0-1/inbox/bank", "0-1/updates/bank")
                    .noneMatch(name -> name.endsWith("seed") || name.endsWith(".key"));
        }
    }

    private static Finding end(List<Finding> findings) {
        assertThat(findings.getLast().check()).isEqualTo(Check.END);
        return findings.getLast();
    }

    @Test
    void logThatWasCutAfterAMemberSawMore_isFound_andOnlyByItsWord() throws Exception {
        export(true);
        byte[] word = entries().get("vouched.json");
        Map<String, byte[]> rounds = entries();
        federation.attempt();
        List<Finding> longer = export(true);
        assertThat(end(longer).outcome()).isEqualTo(Outcome.PASSED);
        assertThat(end(longer).detail()).startsWith("bank signed that its log ended here");
        Map<String, byte[]> all = entries();

        // The second round is cut off; what is left is signed and chained as before.
        Map<String, byte[]> cut = new TreeMap<>(rounds);
        cut.put("vouched.json", Objects.requireNonNull(all.get("vouched.json")));
        write(file, cut);
        List<Finding> findings = audit(file);
        assertThat(end(findings).outcome()).isEqualTo(Outcome.FAILED);
        assertThat(end(findings).detail())
                .contains("bank's log ended with registry")
                .contains("it was changed after");
        assertThat(findings.subList(0, findings.size() - 1)).allMatch(one -> one.outcome() == Outcome.PASSED);
        assertThat(sotto("audit", "bundle", file.toString(), "--coordinator", fingerprint()).code)
                .isEqualTo(1);

        // Nobody's word, and another's.
        cut.remove("vouched.json");
        write(file, cut);
        assertThat(end(audit(file)).outcome()).isEqualTo(Outcome.UNCHECKED);
        assertThat(sotto("audit", "bundle", file.toString(), "--coordinator", fingerprint()).code)
                .isEqualTo(3);
        cut.put(
                "vouched.json",
                new String(word, StandardCharsets.US_ASCII)
                        .replace("\"bank\"", "\"clinic\"")
                        .getBytes(StandardCharsets.US_ASCII));
        write(file, cut);
        assertThat(end(audit(file)).outcome()).isEqualTo(Outcome.FAILED);
        assertThat(end(audit(file)).detail()).contains("what clinic is said to have signed");
        cut.put("vouched.json", "{}".getBytes(StandardCharsets.US_ASCII));
        write(file, cut);
        assertThatThrownBy(() -> audit(file)).isInstanceOf(InvalidFile.class).hasMessageContaining("vouched.json");
    }

    @Test
    void command_onABundle_saysEachCheckAndItsExitCode() throws Exception {
        export(true);
        Run all = sotto(
                "audit",
                "bundle",
                file.toString(),
                "--coordinator",
                fingerprint().toUpperCase(java.util.Locale.ROOT));
        assertThat(all.code).as(all.err).isZero();
        assertThat(all.out)
                .contains("ok           sum            digest ")
                .contains("compare them with the organisations: bank ")
                .contains("1 rounds: 20 checks hold, 0 failed, 0 could not be made.");
        Run other = sotto("audit", "bundle", file.toString(), "--coordinator", "0".repeat(64));
        assertThat(other.code).isEqualTo(2);
        assertThat(other.err).contains("is of a coordinator with fingerprint");
        export(false);
        assertThat(sotto("audit", "bundle", file.toString(), "--coordinator", fingerprint()).code)
                .isEqualTo(3);
    }

    @Test
    void command_onALie_exitsWithOneAndEvidenceThatVerifies() throws Exception {
        federation.closeOtherwise(told -> new RoundClosed(
                told.version(), told.modelDigest(), Bytes.zeros(32), told.roundSeeds(), told.revealed()));
        export(true);
        Run run = sotto("audit", "bundle", file.toString(), "--coordinator", fingerprint(), "--output", "json");
        assertThat(run.code).isEqualTo(1);
        JsonNode said = new ObjectMapper().readTree(run.out);
        assertThat(said.path("outcome").asText()).isEqualTo("failed");
        assertThat(said.at("/rounds/0").asInt(-1)).isZero();
        assertThat(said.path("checks"))
                .anyMatch(check -> check.path("check").asText().equals("sum")
                        && check.path("outcome").asText().equals("failed"));
        Path evidence = folder.resolve("rounds.sotto.evidence.json");
        assertThat(said.path("evidence").asText()).isEqualTo(evidence.toString());
        JsonNode failed = new ObjectMapper().readTree(evidence.toFile()).at("/failed/0");
        assertThat(failed.path("blamed").asText()).isEqualTo("coordinator");
        Envelope shown = Envelope.decode(Bytes.of(
                Base64.getDecoder().decode(failed.at("/messages/0/envelope").asText())));
        assertThat(federation.directory.verify(RecordedFederation.PRIMITIVES, shown, shown.transcript()))
                .isInstanceOf(RoundClosed.class);
    }

    @Test
    void command_withoutARoundOrWithoutAnExport_isRefused() {
        assertThat(sotto("audit").err).contains("give a ROUND, or --all");
        assertThat(sotto("audit", "3", "--all").code).isEqualTo(2);
        assertThat(sotto("audit", "3", "--without-keys").err).contains("--without-keys needs --export");
        assertThat(sotto("audit", "bundle", "x").err).contains("--coordinator");
    }

    /// A record, a key or a claim that was changed: never taken for what was signed.
    @Test
    void bundle_withAByteChanged_isNeverTakenForTheRealOne() throws Exception {
        List<Finding> real = withoutIdentities(export(true));
        Map<String, byte[]> entries = entries();
        SplittableRandom random = new SplittableRandom(7);
        int noticed = 0;
        for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
            byte[] changed = entry.getValue().clone();
            int place = random.nextInt(changed.length);
            changed[place] ^= (byte) (1 << random.nextInt(8));
            Map<String, byte[]> others = new TreeMap<>(entries);
            others.put(entry.getKey(), changed);
            Path other = folder.resolve("changed.sotto");
            write(other, others);
            try {
                List<Finding> findings = withoutIdentities(audit(other));
                if (findings.stream().allMatch(finding -> finding.outcome() == Outcome.PASSED)) {
                    // A model that cannot be read is made again.
                    assertThat(findings)
                            .filteredOn(finding -> finding.check() != Check.MODEL)
                            .isEqualTo(real.stream()
                                    .filter(finding -> finding.check() != Check.MODEL)
                                    .toList());
                } else {
                    noticed++;
                }
            } catch (InvalidFile | UncheckedIOException e) {
                assertThat(e).hasMessageContaining("changed.sotto");
                noticed++;
            }
        }
        assertThat(noticed).isGreaterThan(entries.size() / 2);
    }

    @Test
    void files_thatAreNoBundle_areNamedWithTheReason() throws Exception {
        export(true);
        Map<String, byte[]> entries = entries();
        Files.write(file, new byte[] {1, 2, 3});
        assertThatThrownBy(() -> Bundle.open(file))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("no bundle");
        for (Map.Entry<String, String> other : Map.of(
                        "{}", "format",
                        "null", "holds nothing",
                        "{\"format\":\"sotto-audit/2\",\"federation\":\"x\",\"coordinatorKey\":\"\",\"publicSeed\":\"\",\"rounds\":[]}",
                                "must be sotto-audit/1",
                        "{\"format\":\"sotto-audit/1\",\"federation\":\"x\",\"coordinatorKey\":\"00\",\"publicSeed\":\"\",\"rounds\":[]}",
                                "64 hexadecimal digits")
                .entrySet()) {
            Map<String, byte[]> others = new TreeMap<>(entries);
            others.put("bundle.json", other.getKey().getBytes(StandardCharsets.UTF_8));
            write(file, others);
            assertThatThrownBy(() -> Bundle.open(file))
                    .isInstanceOf(InvalidFile.class)
                    .hasMessageContaining(other.getValue());
        }
        for (byte[] damaged : List.of(
                new byte[] {0x7f, 0, 0, 0}, new byte[] {0, 0, 0, 9, 1}, new byte[] {0, 0}, new byte[] {-1, -1, -1, -1
                })) {
            Map<String, byte[]> others = new TreeMap<>(entries);
            others.put("control", damaged);
            write(file, others);
            Run run = sotto("audit", "bundle", file.toString(), "--coordinator", fingerprint());
            assertThat(run.code).isEqualTo(2);
            assertThat(run.err).contains(file + ", entry control: record 1");
        }
        Map<String, byte[]> others = new TreeMap<>(entries);
        others.put("0-1/seed", new byte[31]);
        write(file, others);
        assertThat(sotto("audit", "bundle", file.toString(), "--coordinator", fingerprint()).err)
                .contains("entry 0-1/seed: must have 32 bytes");
    }

    private Map<String, byte[]> entries() throws IOException {
        Map<String, byte[]> entries = new TreeMap<>();
        try (ZipFile zip = new ZipFile(file.toFile())) {
            for (ZipEntry entry : zip.stream().toList()) {
                byte[] content = zip.getInputStream(entry).readAllBytes();
                if (content.length > 0) {
                    entries.put(entry.getName(), content);
                }
            }
        }
        assertThat(entries.keySet())
                .containsAll(Set.of("bundle.json", "registry", "control", "0-1/seed", "models/1.key"));
        return entries;
    }

    private static void write(Path file, Map<String, byte[]> entries) throws IOException {
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
                zip.putNextEntry(new ZipEntry(entry.getKey()));
                zip.write(entry.getValue());
                zip.closeEntry();
            }
        }
    }
}
