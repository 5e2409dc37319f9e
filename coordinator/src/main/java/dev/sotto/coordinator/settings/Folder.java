package dev.sotto.coordinator.settings;

import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.secrets.InvalidSecret;
import dev.sotto.secrets.Passphrase;
import dev.sotto.secrets.SecretFile;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Where a federation's settings and the coordinator's secrets lie, the latter as [SecretFile] has them.
///
/// @param path the folder
public record Folder(Path path) {
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
        SecretFile.create(file, content);
    }

    /// Writes a file that only its owner may read, in place of the one that is there.
    public static void replaceSecret(Path file, byte[] content) throws IOException {
        SecretFile.replace(file, content);
    }

    /// Writes a new file with a secret, sealed if a passphrase is given.
    ///
    /// @throws FileAlreadyExistsException if it is there
    public static void writeSecret(Path file, Secret secret, Passphrase passphrase) throws IOException {
        SecretFile.create(file, secret, passphrase, Randomness.secure());
    }

    /// Reads a secret text, under the rule of [SecretFile]; the caller wipes it.
    ///
    /// @throws InvalidSettings if others may read the file
    public static byte[] readSecretBytes(Path file) throws IOException, InvalidSettings {
        try {
            return SecretFile.read(file);
        } catch (InvalidSecret e) {
            throw new InvalidSettings(String.valueOf(e.getMessage()));
        }
    }

    /// Reads a secret of 32 bytes, likewise.
    ///
    /// @throws InvalidSettings if others may read the file, it holds something else, or does not open
    public static Secret readSecret(Path file, Passphrase passphrase) throws IOException, InvalidSettings {
        try {
            return SecretFile.read(file, passphrase);
        } catch (InvalidSecret e) {
            throw new InvalidSettings(String.valueOf(e.getMessage()));
        }
    }

    /// Seals a secret under another passphrase, or none, as [SecretFile#reseal].
    ///
    /// @throws InvalidSettings as [#readSecret]
    public static void reseal(Path file, Passphrase old, Passphrase fresh) throws IOException, InvalidSettings {
        try {
            SecretFile.reseal(file, old, fresh, Randomness.secure());
        } catch (InvalidSecret e) {
            throw new InvalidSettings(String.valueOf(e.getMessage()));
        }
    }

    /// A passphrase that the environment of this process gives, if it does.
    ///
    /// @param name [Passphrase#OWN], or another of its constants
    /// @throws InvalidSettings if it is not as it must be
    public static Passphrase passphrase(String name) throws IOException, InvalidSettings {
        try {
            return Passphrase.read(name, System.getenv());
        } catch (InvalidSecret e) {
            throw new InvalidSettings(String.valueOf(e.getMessage()));
        }
    }
}
