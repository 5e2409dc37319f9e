package dev.sotto.crypto.shamir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.bouncycastle.crypto.threshold.ShamirSecretSplitter;
import org.junit.jupiter.api.Test;

class ShamirTest {
    private final Randomness randomness = Randomness.secure();

    private static SortedMap<Integer, Secret> some(List<Secret> shares, int mask) {
        TreeMap<Integer, Secret> some = new TreeMap<>();
        for (int i = 0; i < shares.size(); i++) {
            if ((mask >> i & 1) == 1) {
                some.put(i + 1, shares.get(i));
            }
        }
        return some;
    }

    @Test
    void combine_everySubset_rebuildsFromThresholdOnAndNotBelow() throws Exception {
        Secret secret = randomness.secret(32);
        for (int n = 3; n <= 6; n++) {
            for (int t = 2; t <= n; t++) {
                List<Secret> shares = Shamir.split(secret, t, n, randomness);
                for (int mask = 0; mask < 1 << n; mask++) {
                    SortedMap<Integer, Secret> some = some(shares, mask);
                    if (some.size() >= t) {
                        assertThat(Shamir.combine(t, some).sameAs(secret)).isTrue();
                    } else if (some.size() >= 2) {
                        // One share too few: a polynomial of lower degree gives something else.
                        assertThat(Shamir.combine(some.size(), some).sameAs(secret))
                                .isFalse();
                    }
                }
            }
        }
    }

    @Test
    void combine_255Shares_rebuilds() throws Exception {
        Secret secret = randomness.secret(32);
        List<Secret> shares = Shamir.split(secret, 128, 255, randomness);
        TreeMap<Integer, Secret> last = new TreeMap<>();
        for (int x = 128; x <= 255; x++) {
            last.put(x, shares.get(x - 1));
        }
        assertThat(Shamir.combine(128, last).sameAs(secret)).isTrue();
    }

    @Test
    void combine_alteredFurtherShare_isNamed() {
        List<Secret> shares = Shamir.split(randomness.secret(32), 3, 5, randomness);
        shares.get(3).expose(InsecureSecretAccess.get())[7] ^= 1;
        assertThatThrownBy(() -> Shamir.combine(3, some(shares, 0b11111)))
                .isInstanceOfSatisfying(
                        InconsistentShares.class, fault -> assertThat(fault.x()).isEqualTo(4))
                .hasMessageContaining("x = 4");
    }

    /// The drawn coefficients would rebuild the secret from one share.
    @Test
    void split_done_hasWipedItsCoefficients() {
        List<byte[]> drawn = new ArrayList<>();
        Secret secret = randomness.secret(32);
        List<Secret> shares = Shamir.split(secret, 3, 5, target -> {
            randomness.fill(target);
            drawn.add(target);
        });
        assertThat(shares).hasSize(5);
        assertThat(drawn).hasSize(2).allSatisfy(bytes -> assertThat(bytes).containsOnly(0));
        assertThat(secret.isWiped()).isFalse();
    }

    @Test
    void split_thresholdOne_isTheSecretItself() {
        Secret secret = randomness.secret(32);
        assertThat(Shamir.split(secret, 1, 3, randomness)).allMatch(share -> share.sameAs(secret));
    }

    @Test
    void combine_fewerThanTheThreshold_isRefused() {
        List<Secret> shares = Shamir.split(randomness.secret(32), 3, 5, randomness);
        assertThatThrownBy(() -> Shamir.combine(3, some(shares, 0b11)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("2 shares, need 3");
    }

    @Test
    void combine_sharesOfBouncyCastle_rebuildsTheSameSecret() throws IOException, InconsistentShares {
        Secret secret = randomness.secret(32);
        var splitter = ShamirSecretSplitter.getInstance(
                ShamirSecretSplitter.Algorithm.AES, 32, new java.security.SecureRandom());
        var shares = splitter.resplit(secret.expose(InsecureSecretAccess.get()).clone(), 3, 5)
                .getSecretShares();
        TreeMap<Integer, Secret> all = new TreeMap<>();
        for (int i = 0; i < shares.length; i++) {
            all.put(i + 1, Secret.take(shares[i].getEncoded()));
        }
        assertThat(Shamir.combine(3, all).sameAs(secret)).isTrue();
    }

    @Test
    void split_thresholdOutsideOneToShares_isRefused() {
        assertThatThrownBy(() -> Shamir.split(randomness.secret(32), 4, 3, randomness))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Shamir.split(randomness.secret(32), 0, 3, randomness))
                .hasMessageContaining("threshold 0 of 3");
        assertThatThrownBy(() -> Shamir.split(randomness.secret(32), 2, 256, randomness))
                .hasMessageContaining("255");
    }

    /// t − 1 shares say nothing: with one more of any value they rebuild a secret, and the 256 values of a byte give
    /// the 256 secrets, each once.
    @Test
    void combine_belowTheThreshold_fitsEverySecretOnce() throws Exception {
        SplittableRandom random = new SplittableRandom(4);
        for (int threshold = 2; threshold <= 5; threshold++) {
            List<Secret> shares =
                    Shamir.split(Secret.take(new byte[] {(byte) random.nextInt()}), threshold, 6, random::nextBytes);
            Set<Byte> secrets = new HashSet<>();
            for (int guess = 0; guess < 256; guess++) {
                TreeMap<Integer, Secret> known = new TreeMap<>();
                for (int x = 1; x < threshold; x++) {
                    known.put(x, shares.get(x - 1));
                }
                known.put(threshold, Secret.take(new byte[] {(byte) guess}));
                secrets.add(Shamir.combine(threshold, known).expose(InsecureSecretAccess.get())[0]);
            }
            assertThat(secrets).hasSize(256);
        }
    }
}
