package dev.sotto.coordinator.settings;

import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Secret;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Set;

/// Where a federation's settings and the coordinator's secrets lie. Every file with a secret has mode
/// 0600, or 0640 if root owns it.
///
/// @param path the folder
public record Folder(Path path) {
    private static final Set<PosixFilePermission> OWNER = PosixFilePermissions.fromString("rw-------");
    private static final Set<PosixFilePermission> MOUNTED = PosixFilePermissions.fromString("rw-r-----");

    /// The operator's settings.
    public Path settings() {
        return path.resolve("federation.yaml");
    }

    /// The root CA's certificate, PEM: what everybody trusts.
    public Path ca() {
        return path.resolve("ca.pem");
    }

    /// The issuing CA's key and certificate, PEM.
    public Path issuing() {
        return path.resolve("issuing.pem");
    }

    /// The root CA's key, PEM, in a folder of its own, which is carried away.
    public Path rootKey() {
        return path.resolve("root").resolve("ca-key.pem");
    }

    /// That the issuing CA's key is there. A folder from before there was one has the CA's own key where nothing may
    /// be issued below it: its certificate allows no authority under it, and members trust that certificate alone.
    ///
    /// @throws InvalidSettings if it is not there, with what to do
    public void requireIssuing() throws InvalidSettings {
        if (Files.exists(issuing())) {
            return;
        }
        throw new InvalidSettings(
                Files.exists(path.resolve("ca-key.pem"))
                        ? path + " is of a version of sotto in which the CA's key lay in the folder (ca-key.pem) and no"
                                + " issuing CA was below it; it cannot be made into one that has it, since every member"
                                + " trusts the old certificate. Go on with that version, or begin anew: `sotto admin init`"
                                + " into another folder, and everybody enrols again"
                        : issuing()
                                + " is not there; `sotto coordinator rotate --root …` makes it, with the root's key");
    }

    /// Keys and chains of the consortium's processes and people.
    public List<Path> certificates() {
        return List.of(tls(), broker(), admin(), viewer());
    }

    /// The coordinator's TLS key and chain, PEM.
    public Path tls() {
        return path.resolve("tls.pem");
    }

    /// The broker's TLS key and chain, PEM.
    public Path broker() {
        return path.resolve("broker.pem");
    }

    /// The administrator's TLS key and chain, PEM.
    public Path admin() {
        return path.resolve("admin.pem");
    }

    /// The TLS key and chain of those who may look, PEM.
    public Path viewer() {
        return path.resolve("viewer.pem");
    }

    /// The coordinator's Ed25519 seed.
    public Path identity() {
        return path.resolve("coordinator-identity.key");
    }

    /// K of protocol §3.
    public Path roundSecret() {
        return path.resolve("round-secret.key");
    }

    /// Writes a new file that only its owner may read.
    ///
    /// @throws FileAlreadyExistsException if it is there
    public static void writeSecret(Path file, byte[] content) throws IOException {
        try (SeekableByteChannel channel = Files.newByteChannel(
                file,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(OWNER))) {
            ByteBuffer left = ByteBuffer.wrap(content);
            while (left.hasRemaining()) {
                int _ = channel.write(left);
            }
        }
    }

    /// Writes a file that only its owner may read, in place of the one that is there.
    public static void replaceSecret(Path file, byte[] content) throws IOException {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        writeSecret(fresh, content);
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /// Writes a secret as one line of base64.
    public static void writeSecret(Path file, Secret secret) throws IOException {
        byte[] text = Base64.getEncoder().encode(secret.expose(InsecureSecretAccess.get()));
        writeSecret(file, text);
        Arrays.fill(text, (byte) 0);
    }

    /// Reads a secret text, under the rule of [#readSecret]; the caller wipes it.
    ///
    /// @throws InvalidSettings if others may read the file
    public static byte[] readSecretBytes(Path file) throws IOException, InvalidSettings {
        requireSecret(file);
        return Files.readAllBytes(file);
    }

    private static void requireSecret(Path file) throws IOException, InvalidSettings {
        Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(file);
        boolean ofRoot = Integer.valueOf(0).equals(Files.getAttribute(file, "unix:uid"));
        if (!(ofRoot ? MOUNTED : OWNER).containsAll(permissions)) {
            throw new InvalidSettings(file + " has mode " + PosixFilePermissions.toString(permissions)
                    + "; a secret must have rw------- (chmod 600)");
        }
    }

    /// Reads a secret of 32 bytes. One that belongs to root may be readable by its group: so Kubernetes mounts
    /// secrets for a process that is not root (PostgreSQL has the same rule for its server key).
    ///
    /// @throws InvalidSettings if others may read the file, or it holds something else
    public static Secret readSecret(Path file) throws IOException, InvalidSettings {
        requireSecret(file);
        byte[] text = Files.readAllBytes(file);
        int end = text.length;
        while (end > 0 && text[end - 1] <= ' ') {
            end--;
        }
        byte[] trimmed = Arrays.copyOf(text, end);
        try {
            byte[] decoded = Base64.getDecoder().decode(trimmed);
            if (decoded.length != 32) {
                throw new InvalidSettings(file + " must hold 32 bytes in base64");
            }
            return Secret.take(decoded);
        } catch (IllegalArgumentException e) {
            throw new InvalidSettings(file + " must hold 32 bytes in base64");
        } finally {
            Arrays.fill(text, (byte) 0);
            Arrays.fill(trimmed, (byte) 0);
        }
    }
}
