package dev.sotto.crypto.shamir;

import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;

/// Shamir's secret sharing, byte by byte over GF(2^8) modulo 0x11B; the secret stands at x = 0, share i
/// at x = i + 1.
///
/// The same field and points as Bouncy Castle's `ShamirSecretSplitter` with `Algorithm.AES`, which a test
/// cross-checks. Our own because that class cannot check that further shares lie on the rebuilt
/// polynomial (protocol §3 asks for it), and draws from a `SecureRandom` only. Multiplication has no
/// table and no branch on its operands.
public final class Shamir {
    /// The most shares: x is a non-zero byte.
    public static final int MAX_SHARES = 255;

    private Shamir() {}

    /// Splits `secret` into `shares` shares, any `threshold` of which rebuild it.
    ///
    /// @param threshold 1 to `shares`
    /// @param shares    at most 255
    /// @return share i belongs to x = i + 1; the caller closes each
    public static List<Secret> split(Secret secret, int threshold, int shares, Randomness randomness) {
        if (threshold < 1 || threshold > shares || shares > MAX_SHARES) {
            throw new IllegalArgumentException("threshold " + threshold + " of " + shares
                    + " shares; need 1 <= threshold <= shares <= " + MAX_SHARES);
        }
        int size = secret.size();
        byte[][] coefficients = new byte[threshold][];
        coefficients[0] = raw(secret).clone();
        for (int i = 1; i < threshold; i++) {
            coefficients[i] = new byte[size];
            randomness.fill(coefficients[i]);
        }
        List<Secret> made = new ArrayList<>(shares);
        for (int x = 1; x <= shares; x++) {
            byte[] share = new byte[size];
            for (int i = threshold - 1; i >= 0; i--) {
                for (int b = 0; b < size; b++) {
                    share[b] = (byte) (multiply(share[b] & 0xff, x) ^ coefficients[i][b]);
                }
            }
            made.add(Secret.take(share));
        }
        for (byte[] coefficient : coefficients) {
            Arrays.fill(coefficient, (byte) 0);
        }
        return List.copyOf(made);
    }

    /// Rebuilds the secret from the first `threshold` shares and checks every further one against the
    /// polynomial.
    ///
    /// @param shares by x, at least `threshold`, all of one size
    /// @return the secret; the caller closes it
    /// @throws InconsistentShares     naming the first share that does not fit
    /// @throws IllegalArgumentException if there are too few shares
    public static Secret combine(int threshold, SortedMap<Integer, Secret> shares) throws InconsistentShares {
        return new Points(threshold, shares.keySet()).combine(shares);
    }

    /// The places at which some shares stand, with what interpolating there costs once for all their secrets.
    /// Immutable, thread-safe.
    public static final class Points {
        private final List<Integer> basis;
        private final List<Integer> further;
        private final int[] atZero;
        private final int[][] atFurther;

        /// For shares at these x.
        ///
        /// @param xs at least `threshold`, each from 1 to 255
        /// @throws IllegalArgumentException if there are too few
        public Points(int threshold, Collection<Integer> xs) {
            if (xs.size() < threshold) {
                throw new IllegalArgumentException(xs.size() + " shares, need " + threshold);
            }
            List<Integer> all = xs.stream().sorted().toList();
            this.basis = all.subList(0, threshold);
            this.further = all.subList(threshold, all.size());
            int[] denominators = new int[threshold];
            for (int i = 0; i < threshold; i++) {
                int product = 1;
                for (int other : basis) {
                    product = other == basis.get(i) ? product : multiply(product, other ^ basis.get(i));
                }
                denominators[i] = inverse(product);
            }
            this.atZero = factors(0, denominators);
            this.atFurther = further.stream().map(x -> factors(x, denominators)).toArray(int[][]::new);
        }

        /// Lagrange's factors at `at`, which is none of the basis.
        private int[] factors(int at, int[] denominators) {
            int all = 1;
            for (int x : basis) {
                all = multiply(all, x ^ at);
            }
            int[] factors = new int[denominators.length];
            for (int i = 0; i < factors.length; i++) {
                factors[i] = multiply(multiply(all, inverse(basis.get(i) ^ at)), denominators[i]);
            }
            return factors;
        }

        /// As [Shamir#combine].
        ///
        /// @param shares at exactly these x
        public Secret combine(SortedMap<Integer, Secret> shares) throws InconsistentShares {
            for (int i = 0; i < further.size(); i++) {
                try (Secret expected = interpolate(shares, atFurther[i])) {
                    if (!expected.sameAs(share(shares, further.get(i)))) {
                        throw new InconsistentShares(further.get(i));
                    }
                }
            }
            return interpolate(shares, atZero);
        }

        private Secret interpolate(SortedMap<Integer, Secret> shares, int[] factors) {
            byte[] value = new byte[share(shares, basis.getFirst()).size()];
            for (int i = 0; i < factors.length; i++) {
                byte[] share = raw(share(shares, basis.get(i)));
                for (int b = 0; b < value.length; b++) {
                    value[b] ^= (byte) multiply(share[b] & 0xff, factors[i]);
                }
            }
            return Secret.take(value);
        }

        private static Secret share(SortedMap<Integer, Secret> shares, int x) {
            return Objects.requireNonNull(shares.get(x), "a share at each point");
        }
    }

    private static int multiply(int a, int b) {
        int product = 0;
        int x = a;
        for (int bit = 0; bit < 8; bit++) {
            product ^= x & -(b >> bit & 1);
            x = (x << 1 ^ 0x11B & -(x >> 7 & 1)) & 0xff;
        }
        return product;
    }

    /// a^254, which is 1/a for a ≠ 0.
    private static int inverse(int a) {
        int power = a;
        int result = 1;
        for (int bit = 1; bit < 8; bit++) {
            power = multiply(power, power);
            result = multiply(result, power);
        }
        return result;
    }

    private static byte[] raw(Secret secret) {
        return secret.expose(InsecureSecretAccess.get());
    }
}
