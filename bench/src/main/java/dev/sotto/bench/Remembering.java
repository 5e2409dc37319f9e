package dev.sotto.bench;

import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Encapsulation;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// For the members whose work is not measured, and who live in one process: it knows what one of them sealed when
/// another opens it, and verifies once what all of them verify. What they send is what it would be without.
///
/// @param primitives   that do it
/// @param signatures   valid or not
/// @param boxes        what is in them
/// @param ciphertexts  their secrets
record Remembering(
        Primitives primitives,
        Map<Signed, Boolean> signatures,
        Map<Bytes, Secret> boxes,
        Map<Bytes, Secret> ciphertexts)
        implements Primitives {
    private record Signed(Bytes key, Bytes message, Bytes signature) {}

    Remembering(Primitives primitives) {
        this(primitives, new ConcurrentHashMap<>(), new ConcurrentHashMap<>(), new ConcurrentHashMap<>());
    }

    @Override
    public boolean verify(Bytes identityKey, Bytes message, Bytes signature) {
        return signatures.computeIfAbsent(
                new Signed(identityKey, message, signature),
                signed -> primitives.verify(identityKey, message, signature));
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
    public void checkKemKey(Bytes key) throws InvalidKey {
        primitives.checkKemKey(key);
    }

    @Override
    public void checkCiphertext(Bytes ciphertext) throws InvalidKey {
        primitives.checkCiphertext(ciphertext);
    }

    @Override
    public Encapsulation encapsulate(Bytes key, Secret coins) throws InvalidKey {
        Encapsulation made = primitives.encapsulate(key, coins);
        ciphertexts.put(made.ciphertext(), made.secret().copy());
        return made;
    }

    @Override
    public Secret decapsulate(Secret seed, Bytes ciphertext) throws InvalidKey {
        Secret known = ciphertexts.remove(ciphertext);
        return known != null ? known : primitives.decapsulate(seed, ciphertext);
    }

    @Override
    public Bytes seal(Bytes key, Bytes info, Secret plain, Randomness randomness) throws InvalidKey {
        Bytes box = primitives.seal(key, info, plain, randomness);
        boxes.put(box, plain.copy());
        return box;
    }

    @Override
    public Secret open(Secret seed, Bytes info, Bytes box) throws BoxRefused {
        Secret known = boxes.remove(box);
        return known != null ? known : primitives.open(seed, info, box);
    }
}
