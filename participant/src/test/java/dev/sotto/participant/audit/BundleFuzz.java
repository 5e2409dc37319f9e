package dev.sotto.participant.audit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.schemas.Bytes;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/// A bundle of unknown origin: of a federation before its first round, so that a mutation meets the file's parts and
/// not only signatures.
public final class BundleFuzz {
    private BundleFuzz() {}

    /// A bundle that is not compressed: a mutation of a record stays one.
    public static Bytes seed(Path folder) {
        try {
            RecordedFederation federation = new RecordedFederation(folder, 3);
            Path file = folder.resolve("seed.sotto");
            try (BundleWriter bundle = new BundleWriter(file, federation, federation.keys("bank"), true)) {
                Audit audit =
                        new Audit(RecordedFederation.PRIMITIVES, federation.anchor(), bundle, bundle, finding -> {}, 1);
                Set<Long> rounds = audit.run(round -> true, Set.of());
                bundle.finish(federation.anchor(), rounds, federation.vouches("bank", audit));
            }
            ByteArrayOutputStream stored = new ByteArrayOutputStream();
            try (ZipFile from = new ZipFile(file.toFile());
                    ZipOutputStream to = new ZipOutputStream(stored)) {
                to.setLevel(Deflater.NO_COMPRESSION);
                for (ZipEntry entry : from.stream().toList()) {
                    to.putNextEntry(BundleWriter.entry(entry.getName()));
                    to.write(from.getInputStream(entry).readAllBytes());
                    to.closeEntry();
                }
            }
            return Bytes.of(stored.toByteArray());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Whether it is one and nothing fails; what is refused names the file.
    public static boolean bundle(byte[] input) throws IOException {
        Path file = Files.write(
                Files.createDirectories(Path.of("target", "fuzz-files")).resolve("any.sotto"), input);
        Report[] report = new Report[1];
        try (Bundle bundle = Bundle.open(file)) {
            Audit.Anchor anchor = bundle.description().anchor();
            report[0] = new Report(anchor);
            Audit audit = new Audit(RecordedFederation.PRIMITIVES, anchor, bundle, bundle, report[0]::add, 1);
            var _ = audit.run(round -> true, Set.copyOf(bundle.description().rounds()));
            audit.end(bundle.vouched());
            return report[0].outcome() == Finding.Outcome.PASSED;
        } catch (InvalidFile | UncheckedIOException refused) {
            assertThat(refused).hasMessageContaining("any.sotto");
            return false;
        }
    }
}
