package dev.sotto.crypto.primitive;

import javax.crypto.SecretKey;

/// A secret as the JDK's ciphers take keys. `SecretKeySpec` would keep a copy that nobody can wipe; of this one the
/// JDK asks for a copy when it needs it, and wipes that.
final class LiveKey implements SecretKey {
    private static final long serialVersionUID = 1L;

    private final transient Secret secret;
    private final String algorithm;

    LiveKey(Secret secret, String algorithm) {
        this.secret = secret;
        this.algorithm = algorithm;
    }

    @Override
    public String getAlgorithm() {
        return algorithm;
    }

    @Override
    public String getFormat() {
        return "RAW";
    }

    @Override
    public byte[] getEncoded() {
        return secret.expose(InsecureSecretAccess.get()).clone();
    }
}
