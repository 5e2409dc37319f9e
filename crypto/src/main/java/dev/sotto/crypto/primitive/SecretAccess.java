package dev.sotto.crypto.primitive;

/// The token that [Secret#expose] asks for. Its only source is [InsecureSecretAccess], so that a search
/// for that name lists every place where raw secret bytes are read.
public final class SecretAccess {
    SecretAccess() {}

    boolean granted() {
        return true;
    }
}
