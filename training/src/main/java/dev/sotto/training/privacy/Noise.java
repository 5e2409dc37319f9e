package dev.sotto.training.privacy;

import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.random.RandomGenerator;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/// Everything that differential privacy draws: who is in a sample, dropout, and noise. The key stream of AES-256-CTR
/// under a key that must be drawn freshly for each training, and that nobody else may learn: who knows it takes the
/// noise off, and noise that comes twice, over different data, comes off by subtraction.
///
/// A fixed key is for tests and for research on data that are no secret.
///
/// Gaussians are in binary64, as in Opacus and TensorFlow Privacy, and not exact: which values can come out depends
/// on the sum below the noise (Mironov, 2012, for Laplace noise; Jin et al., 2022, for Gaussian). Against that each
/// is the sum of four halved ones (Holohan and Braghin, 2021), and what leaves is rounded to binary32. Nobody has
/// proved how much is left; a discrete Gaussian (Canonne, Kamath and Steinke, 2020) would need no such remark. How
/// long drawing takes depends on what is drawn.
///
/// Not thread-safe.
public final class Noise implements RandomGenerator, AutoCloseable {
    private static final byte[] ZEROS = new byte[8192];

    private final Cipher cipher;
    private final byte[] stream = new byte[ZEROS.length];
    private int at = stream.length;
    private boolean closed;

    /// From a key, which is wiped; the JDK keeps its own copy until it is collected.
    ///
    /// @param key 32 fresh, secret bytes
    public Noise(byte[] key) {
        if (key.length != 32) {
            throw new IllegalArgumentException("the key has " + key.length + " bytes, must have 32");
        }
        try {
            cipher = Cipher.getInstance("AES/CTR/NoPadding");
            cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"), new IvParameterSpec(new byte[16]));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has AES/CTR/NoPadding with 256-bit keys", e);
        }
        Arrays.fill(key, (byte) 0);
    }

    @Override
    public long nextLong() {
        if (closed) {
            throw new IllegalStateException("the noise of a training that is over");
        }
        if (at == stream.length) {
            try {
                int _ = cipher.update(ZEROS, 0, ZEROS.length, stream);
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException("a stream cipher fills any buffer", e);
            }
            at = 0;
        }
        long next = 0;
        for (int i = 0; i < Long.BYTES; i++) {
            next = next << 8 | stream[at++] & 0xff;
        }
        return next;
    }

    /// Wipes what it has drawn ahead. Nothing may be drawn after it.
    @Override
    public void close() {
        Arrays.fill(stream, (byte) 0);
        closed = true;
    }

    /// Standard normal.
    double gaussian() {
        return (nextGaussian() + nextGaussian() + nextGaussian() + nextGaussian()) / 2;
    }
}
