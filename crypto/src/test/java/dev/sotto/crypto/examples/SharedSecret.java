package dev.sotto.crypto.examples;

import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.shamir.InconsistentShares;
import dev.sotto.crypto.shamir.Shamir;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// A secret in five shares, of which any three rebuild it.
final class SharedSecret {
    private SharedSecret() {}

    // example: shared-secret
    static boolean isRebuiltFromThreeOfFive() throws InconsistentShares {
        Randomness randomness = Randomness.secure();
        try (Secret secret = randomness.secret(32)) {
            List<Secret> shares = Shamir.split(secret, 3, 5, randomness);
            // By x, which is the share's place and 1. A fourth share would be checked against the polynomial.
            try (Secret rebuilt =
                    Shamir.combine(3, new TreeMap<>(Map.of(1, shares.get(0), 3, shares.get(2), 5, shares.get(4))))) {
                return rebuilt.sameAs(secret);
            } finally {
                shares.forEach(Secret::close);
            }
        }
    }
    // end
}
