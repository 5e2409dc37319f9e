package dev.sotto.participant.home;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.secrets.InvalidSecret;
import dev.sotto.secrets.Passphrase;
import dev.sotto.secrets.SecretFile;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// An organisation's folder; files with a secret are as [SecretFile] has them.
///
/// @param path the folder
public record Home(Path path) {
    private static final Duration INSTANT = Duration.ofMillis(20);
    private static final ObjectMapper JSON = new ObjectMapper()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    /// The Ed25519 seed.
    public Path identity() {
        return path.resolve("identity.key");
    }

    /// The X-Wing seed of the delivery key.
    public Path delivery() {
        return path.resolve("delivery.key");
    }

    /// The salt of protocol §3's draws.
    public Path drawSalt() {
        return path.resolve("draw.salt");
    }

    /// What [#readSecret] reads.
    public List<Path> secrets() {
        return List.of(identity(), delivery(), drawSalt());
    }

    /// TLS key and certificate chain.
    public Path tls() {
        return path.resolve("tls.pem");
    }

    /// The federation's CA.
    public Path ca() {
        return path.resolve("ca.pem");
    }

    /// What enrolment gave.
    public Path federation() {
        return path.resolve("federation.json");
    }

    /// By which invite the keys are to be enrolled, until they are.
    public Path enrolling() {
        return path.resolve("enrolling.json");
    }

    /// The pinned keys of other organisations.
    public Path peers() {
        return path.resolve("peers.json");
    }

    /// What the operator asks the agent to lift, if anything.
    public Path lift() {
        return path.resolve("lift.json");
    }

    /// SCAFFOLD's control variate of this organisation.
    public Path controls() {
        return path.resolve("controls");
    }

    /// What this organisation demands.
    public Path policy() {
        return path.resolve("policy.yaml");
    }

    /// What it trains, and how.
    public Path settings() {
        return path.resolve("participant.yaml");
    }

    /// What trainings have cost of the records' privacy.
    public Path privacy() {
        return path.resolve("privacy.json");
    }

    /// What was signed.
    public Path journal() {
        return path.resolve("journal");
    }

    /// Masked chunks on their way.
    public Path spool() {
        return path.resolve("spool");
    }

    /// Verified adapters.
    public Path models() {
        return path.resolve("models");
    }

    /// That the organisation left, if it did.
    public Path left() {
        return path.resolve("left.json");
    }

    /// What the agent says of itself.
    public Path status() {
        return path.resolve("status.json");
    }

    /// What failed in audits, with what shows it.
    public Path evidence() {
        return path.resolve("evidence");
    }

    /// Plain updates, if they are kept.
    public Path plain() {
        return path.resolve("plain");
    }

    /// When a certificate is valid.
    public record Validity(Instant begins, Instant ends) {}

    /// When the TLS certificate is valid; nothing if there is none yet.
    ///
    /// @throws InvalidFile if the file holds no certificate
    public Optional<Validity> certificate() throws IOException, InvalidFile {
        if (!Files.exists(tls())) {
            return Optional.empty();
        }
        // The key stands before it.
        String pem = text(tls());
        int begin = pem.indexOf("-----BEGIN CERTIFICATE-----");
        try {
            Certificate own = CertificateFactory.getInstance("X.509")
                    .generateCertificate(new ByteArrayInputStream(
                            pem.substring(Math.max(0, begin)).getBytes(StandardCharsets.US_ASCII)));
            if (own instanceof X509Certificate certificate) {
                return Optional.of(new Validity(
                        certificate.getNotBefore().toInstant(),
                        certificate.getNotAfter().toInstant()));
            }
        } catch (CertificateException e) {
            // Said below.
        }
        throw new InvalidFile(tls(), "holds no certificate");
    }

    /// Takes the folder for this process.
    ///
    /// @throws Failed if another process has it
    public FileLock lock() throws IOException, Failed {
        Optional<FileLock> lock = tryLock();
        for (int again = 0; lock.isEmpty() && again < 5; again++) {
            // Whoever asks whether it is taken takes it for an instant.
            LockSupport.parkNanos(INSTANT.toNanos());
            lock = tryLock();
        }
        return lock.orElseThrow(() -> new Failed("another process works in " + path + "; one at a time may"));
    }

    /// Whether a process has the folder.
    public boolean isTaken() throws IOException {
        Optional<FileLock> lock = tryLock();
        if (lock.isPresent()) {
            lock.get().acquiredBy().close();
        }
        return lock.isEmpty();
    }

    private Optional<FileLock> tryLock() throws IOException {
        FileChannel channel =
                FileChannel.open(path.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        @Nullable FileLock lock;
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException e) {
            lock = null;
        }
        if (lock == null) {
            channel.close();
        }
        return Optional.ofNullable(lock);
    }

    /// Writes a file that only its owner may read, replacing any.
    public static void writeSecret(Path file, byte[] content) throws IOException {
        SecretFile.replace(file, content);
    }

    /// Writes a record as JSON that only its owner may read.
    public static void writeSecretJson(Path file, Object value) throws IOException {
        writeSecret(file, JSON.writeValueAsBytes(value));
    }

    /// Writes a secret, sealed if the environment has a passphrase for it.
    ///
    /// @throws InvalidFile if the passphrase is not as it must be
    public static void writeSecret(Path file, Secret secret) throws IOException, InvalidFile {
        try (Passphrase passphrase = Passphrase.read(Passphrase.OWN, System.getenv())) {
            SecretFile.replace(file, secret, passphrase, Randomness.secure());
        } catch (InvalidSecret e) {
            throw invalid(e);
        }
    }

    /// Refuses a file with a secret that others may read.
    public static void requireSecret(Path file) throws IOException, InvalidFile {
        try {
            SecretFile.require(file);
        } catch (InvalidSecret e) {
            throw invalid(e);
        }
    }

    /// Reads 32 secret bytes, opened with the passphrase of the environment if they are sealed.
    ///
    /// @throws InvalidFile if others may read the file, it holds something else, or does not open
    public static Secret readSecret(Path file) throws IOException, InvalidFile {
        try (Passphrase passphrase = Passphrase.read(Passphrase.OWN, System.getenv())) {
            return SecretFile.read(file, passphrase);
        } catch (InvalidSecret e) {
            throw invalid(e);
        }
    }

    /// Seals the secrets of [#secrets] under another passphrase: the one of [Passphrase#NEW], or none.
    ///
    /// @throws InvalidFile if one is not as it must be, or does not open with the passphrase of [Passphrase#OWN]
    public void reseal() throws IOException, InvalidFile {
        try (Passphrase old = Passphrase.read(Passphrase.OWN, System.getenv());
                Passphrase fresh = Passphrase.read(Passphrase.NEW, System.getenv())) {
            for (Path file : secrets()) {
                SecretFile.reseal(file, old, fresh, Randomness.secure());
            }
        } catch (InvalidSecret e) {
            throw invalid(e);
        }
    }

    private static InvalidFile invalid(InvalidSecret e) {
        return new InvalidFile(Path.of(e.place()), e.problem());
    }

    /// Writes a record as JSON, whole or not at all.
    public static void writeJson(Path file, Object value) throws IOException {
        write(file, JSON.writeValueAsBytes(value));
    }

    /// Writes a file, whole or not at all.
    public static void write(Path file, byte[] content) throws IOException {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
            Files.write(fresh, content);
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw at(file, e);
        }
    }

    /// The same failure with the file's name: a full disk does not tell it.
    public static FileSystemException at(Path file, IOException e) {
        if (e instanceof FileSystemException named) {
            return named;
        }
        FileSystemException named = new FileSystemException(file.toString(), null, e.getMessage());
        named.initCause(e);
        return named;
    }

    /// Deletes what a former member has no use for: keys and certificate, masked chunks, SCAFFOLD's control variate,
    /// plain updates. What a disk keeps of deleted files is the disk's.
    public void wipe() throws IOException {
        for (Path gone : List.of(identity(), delivery(), drawSalt(), tls(), spool(), controls(), plain())) {
            if (!Files.exists(gone)) {
                continue;
            }
            try (Stream<Path> all = Files.walk(gone)) {
                for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    /// Reads a record from JSON.
    ///
    /// @throws InvalidFile if it is none, naming the line
    public static <T> T readJson(Path file, Class<T> type) throws IOException, InvalidFile {
        @Nullable T value;
        try {
            value = JSON.readValue(text(file), type);
        } catch (JsonProcessingException e) {
            int line = e.getLocation() == null ? 1 : e.getLocation().getLineNr();
            throw new InvalidFile(file, "line " + line + ": " + e.getOriginalMessage());
        }
        if (value == null) {
            throw new InvalidFile(file, "holds nothing");
        }
        return value;
    }

    /// The text of a file.
    ///
    /// @throws InvalidFile if it is not UTF-8
    static String text(Path file) throws IOException, InvalidFile {
        try {
            return Files.readString(file);
        } catch (CharacterCodingException e) {
            throw new InvalidFile(file, "is not UTF-8");
        }
    }

    /// For the records of these files.
    ///
    /// @throws IllegalArgumentException unless `value` has `size` bytes
    static Bytes sized(Bytes value, int size, String field) {
        if (value.size() != size) {
            throw new IllegalArgumentException(field + " has " + value.size() + " bytes, must have " + size);
        }
        return value;
    }
}
