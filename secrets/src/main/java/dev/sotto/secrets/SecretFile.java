package dev.sotto.secrets;

import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Base64;
import java.util.Objects;
import java.util.Set;

/// Files with a secret. They are made with mode 0600, and refused with one that lets others read them. One that
/// belongs to root may be readable by its group: so Kubernetes mounts secrets for a process that is not root
/// (PostgreSQL has the same rule for its server key).
///
/// A [Secret] is a line of base64, or, with a passphrase, a line that [Seal] makes of it.
public final class SecretFile {
    /// Bytes of every [Secret] that is kept: seeds, keys and salts.
    public static final int SIZE = 32;

    private static final Set<PosixFilePermission> OWNER = PosixFilePermissions.fromString("rw-------");
    private static final Set<PosixFilePermission> MOUNTED = PosixFilePermissions.fromString("rw-r-----");

    private SecretFile() {}

    /// Writes a new file.
    ///
    /// @throws FileAlreadyExistsException if it is there
    public static void create(Path file, byte[] content) throws IOException {
        try (FileChannel channel = FileChannel.open(
                file,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(OWNER))) {
            ByteBuffer left = ByteBuffer.wrap(content);
            while (left.hasRemaining()) {
                int _ = channel.write(left);
            }
            channel.force(true);
        }
    }

    /// Writes a file, in place of one that is there, whole or not at all, also through a power cut.
    public static void replace(Path file, byte[] content) throws IOException {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        create(fresh, content);
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

    /// As [#create], of a secret.
    ///
    /// @param passphrase which seals it, if it is given
    public static void create(Path file, Secret secret, Passphrase passphrase, Randomness randomness)
            throws IOException {
        byte[] text = text(secret, passphrase, randomness);
        try {
            create(file, text);
        } finally {
            Arrays.fill(text, (byte) 0);
        }
    }

    /// As [#replace], of a secret.
    ///
    /// @param passphrase which seals it, if it is given
    public static void replace(Path file, Secret secret, Passphrase passphrase, Randomness randomness)
            throws IOException {
        byte[] text = text(secret, passphrase, randomness);
        try {
            replace(file, text);
        } finally {
            Arrays.fill(text, (byte) 0);
        }
    }

    private static byte[] text(Secret secret, Passphrase passphrase, Randomness randomness) {
        byte[] plain = secret.expose(InsecureSecretAccess.get());
        return passphrase.isGiven()
                ? Seal.close(plain, passphrase, randomness)
                : Base64.getEncoder().encode(plain);
    }

    /// Refuses a file that others may read.
    ///
    /// @throws InvalidSecret if they may
    public static void require(Path file) throws IOException, InvalidSecret {
        Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(file);
        boolean ofRoot = Integer.valueOf(0).equals(Files.getAttribute(file, "unix:uid"));
        if (!(ofRoot ? MOUNTED : OWNER).containsAll(permissions)) {
            throw new InvalidSecret(
                    file,
                    "has mode " + PosixFilePermissions.toString(permissions)
                            + "; a secret must have rw------- (chmod 600)");
        }
    }

    /// Reads what it holds; the caller wipes it.
    ///
    /// @throws InvalidSecret if others may read the file
    public static byte[] read(Path file) throws IOException, InvalidSecret {
        require(file);
        return Files.readAllBytes(file);
    }

    /// Reads a secret of [#SIZE] bytes.
    ///
    /// @param passphrase which opens it, if it is sealed; one that is not sealed needs none
    /// @throws InvalidSecret if others may read the file, it holds something else, or does not open
    public static Secret read(Path file, Passphrase passphrase) throws IOException, InvalidSecret {
        byte[] text = read(file);
        byte[] plain = new byte[0];
        try {
            int end = text.length;
            while (end > 0 && text[end - 1] <= ' ') {
                end--;
            }
            byte[] line = Arrays.copyOf(text, end);
            Arrays.fill(text, (byte) 0);
            text = line;
            plain = Seal.isClosed(line)
                    ? Seal.open(line, passphrase, file)
                    : Base64.getDecoder().decode(line);
            if (plain.length != SIZE) {
                throw new InvalidSecret(file, "must hold " + SIZE + " bytes in base64");
            }
            return Secret.copyOf(plain, 0, SIZE);
        } catch (IllegalArgumentException e) {
            throw new InvalidSecret(file, "must hold " + SIZE + " bytes in base64");
        } finally {
            Arrays.fill(text, (byte) 0);
            Arrays.fill(plain, (byte) 0);
        }
    }

    /// Seals a secret under another passphrase, or under none. One that `fresh` opens already is as it shall be, so
    /// that
    /// what broke off among several files can be done again.
    ///
    /// @param old which opens it now, if it is sealed
    /// @throws InvalidSecret as [#read]
    public static void reseal(Path file, Passphrase old, Passphrase fresh, Randomness randomness)
            throws IOException, InvalidSecret {
        if (isSealed(file) && fresh.isGiven() && opens(file, fresh)) {
            return;
        }
        try (Secret secret = read(file, old)) {
            replace(file, secret, fresh, randomness);
        }
    }

    private static boolean opens(Path file, Passphrase passphrase) throws IOException {
        try (Secret _ = read(file, passphrase)) {
            return true;
        } catch (InvalidSecret e) {
            return false;
        }
    }

    /// Whether a file that holds a secret is sealed.
    public static boolean isSealed(Path file) throws IOException {
        byte[] text = Files.readAllBytes(file);
        try {
            return Seal.isClosed(text);
        } finally {
            Arrays.fill(text, (byte) 0);
        }
    }
}
