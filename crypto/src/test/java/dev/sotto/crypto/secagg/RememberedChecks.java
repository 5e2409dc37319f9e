package dev.sotto.crypto.secagg;

import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Encapsulation;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// [Primitives] that check the same public bytes once: in a federation in one process every member verifies the
/// same signatures and keys, over and over. Nothing secret is remembered.
record RememberedChecks(Primitives primitives, Map<List<Bytes>, Boolean> valid) implements Primitives {
    private static final int MOST = 20_000;

    RememberedChecks(Primitives primitives) {
        this(primitives, new LinkedHashMap<>() {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<List<Bytes>, Boolean> eldest) {
                return size() > MOST;
            }
        });
    }

    @Override
    public boolean verify(Bytes identityKey, Bytes message, Bytes signature) {
        return valid.computeIfAbsent(
                List.of(identityKey, message, signature), any -> primitives.verify(identityKey, message, signature));
    }

    /// What is refused is looked at again each time, for its reason.
    @Override
    public void checkKemKey(Bytes key) throws InvalidKey {
        if (!valid.containsKey(List.of(key))) {
            primitives.checkKemKey(key);
            valid.put(List.of(key), true);
        }
    }

    @Override
    public void checkCiphertext(Bytes ciphertext) throws InvalidKey {
        if (!valid.containsKey(List.of(ciphertext))) {
            primitives.checkCiphertext(ciphertext);
            valid.put(List.of(ciphertext), true);
        }
    }

    @Override
    public Bytes identityKey(Secret seed) {
        return primitives.identityKey(seed);
    }

    @Override
    public Bytes sign(Secret seed, Bytes message) {
        return primitives.sign(seed, message);
    }

    @Override
    public Bytes kemKey(Secret seed) {
        return primitives.kemKey(seed);
    }

    @Override
    public Encapsulation encapsulate(Bytes key, Secret coins) throws InvalidKey {
        return primitives.encapsulate(key, coins);
    }

    @Override
    public Secret decapsulate(Secret seed, Bytes ciphertext) throws InvalidKey {
        return primitives.decapsulate(seed, ciphertext);
    }

    @Override
    public Bytes seal(Bytes key, Bytes info, Secret plain, Randomness randomness) throws InvalidKey {
        return primitives.seal(key, info, plain, randomness);
    }

    @Override
    public Secret open(Secret seed, Bytes info, Bytes box) throws BoxRefused {
        return primitives.open(seed, info, box);
    }
}
