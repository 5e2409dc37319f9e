package dev.sotto.participant.home;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
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
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// An organisation's folder. Files with a secret have mode 0600, and are refused with another one.
///
/// @param path the folder
public record Home(Path path) {
    private static final Set<PosixFilePermission> OWNER = PosixFilePermissions.fromString("rw-------");
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
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        try (FileChannel channel = FileChannel.open(
                fresh,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(OWNER))) {
            ByteBuffer left = ByteBuffer.wrap(content);
            while (left.hasRemaining()) {
                int _ = channel.write(left);
            }
            channel.force(true);
        }
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        forceEntry(file);
    }

    /// That a file was made or renamed holds after a power cut, too.
    public static void forceEntry(Path file) throws IOException {
        Path folder = Objects.requireNonNull(file.toAbsolutePath().getParent(), "a file is in a folder");
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /// Writes a record as JSON that only its owner may read.
    public static void writeSecretJson(Path file, Object value) throws IOException {
        writeSecret(file, JSON.writeValueAsBytes(value));
    }

    /// Writes a secret as base64.
    public static void writeSecret(Path file, Secret secret) throws IOException {
        byte[] text = Base64.getEncoder().encode(secret.expose(InsecureSecretAccess.get()));
        writeSecret(file, text);
        Arrays.fill(text, (byte) 0);
    }

    /// Refuses a file with a secret that others may read.
    public static void requireSecret(Path file) throws IOException, InvalidFile {
        Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(file);
        if (!OWNER.containsAll(permissions)) {
            throw new InvalidFile(
                    file,
                    "has mode " + PosixFilePermissions.toString(permissions)
                            + "; a secret must have rw------- (chmod 600)");
        }
    }

    /// Reads 32 secret bytes.
    ///
    /// @throws InvalidFile if others may read the file, or it holds something else
    public static Secret readSecret(Path file) throws IOException, InvalidFile {
        requireSecret(file);
        byte[] text = Files.readAllBytes(file);
        try {
            byte[] decoded = Base64.getDecoder().decode(text);
            if (decoded.length != 32) {
                throw new InvalidFile(file, "must hold 32 bytes in base64");
            }
            return Secret.take(decoded);
        } catch (IllegalArgumentException e) {
            throw new InvalidFile(file, "must hold 32 bytes in base64");
        } finally {
            Arrays.fill(text, (byte) 0);
        }
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
