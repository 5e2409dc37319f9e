package dev.sotto.crypto.primitive;

/// Grants access to raw secret bytes. Whoever calls this answers for wiping every copy.
public final class InsecureSecretAccess {
    private static final SecretAccess ACCESS = new SecretAccess();

    private InsecureSecretAccess() {}

    /// The access token.
    public static SecretAccess get() {
        return ACCESS;
    }
}
