package dev.sotto.crypto.secagg;

import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Encapsulation;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The same primitives, each of whose results is worked out once: rounds that begin alike cost little, and the
/// fuzzer runs many. They are functions of their arguments, randomness being one.
final class RememberedPrimitives implements Primitives {
    private static final int MOST = 50_000;

    /// Public parts of a result, then its secret if it has one; empty if it was refused.
    private final Map<Bytes, Optional<List<Bytes>>> results = new HashMap<>();

    private final Primitives primitives;

    RememberedPrimitives(Primitives primitives) {
        this.primitives = primitives;
    }

    @FunctionalInterface
    private interface Work<E extends Exception> {
        List<Bytes> result() throws E;
    }

    private <E extends Exception> Optional<List<Bytes>> once(Work<E> work, Class<E> refusal, Object... arguments) {
        Bytes key = Enc.hash(arguments);
        Optional<List<Bytes>> known = results.get(key);
        if (known == null) {
            if (results.size() == MOST) {
                results.clear();
            }
            try {
                known = Optional.of(work.result());
            } catch (Exception e) {
                if (!refusal.isInstance(e)) {
                    throw new IllegalStateException(e);
                }
                known = Optional.empty();
            }
            results.put(key, known);
        }
        return known;
    }

    private <E extends Exception> Bytes only(Work<E> work, Class<E> refusal, Object... arguments) {
        return once(work, refusal, arguments).orElseThrow().getFirst();
    }

    @Override
    public Bytes identityKey(Secret seed) {
        return only(() -> List.of(primitives.identityKey(seed)), RuntimeException.class, "identityKey", seed);
    }

    @Override
    public Bytes sign(Secret seed, Bytes message) {
        return only(() -> List.of(primitives.sign(seed, message)), RuntimeException.class, "sign", seed, message);
    }

    @Override
    public boolean verify(Bytes identityKey, Bytes message, Bytes signature) {
        return !only(
                        () -> List.of(Bytes.zeros(primitives.verify(identityKey, message, signature) ? 1 : 0)),
                        RuntimeException.class,
                        "verify",
                        identityKey,
                        message,
                        signature)
                .isEmpty();
    }

    @Override
    public Bytes kemKey(Secret seed) {
        return only(() -> List.of(primitives.kemKey(seed)), RuntimeException.class, "kemKey", seed);
    }

    @Override
    public void checkKemKey(Bytes key) throws InvalidKey {
        valid(once(
                () -> {
                    primitives.checkKemKey(key);
                    return List.of();
                },
                InvalidKey.class,
                "checkKemKey",
                key));
    }

    @Override
    public void checkCiphertext(Bytes ciphertext) throws InvalidKey {
        valid(once(
                () -> {
                    primitives.checkCiphertext(ciphertext);
                    return List.of();
                },
                InvalidKey.class,
                "checkCiphertext",
                ciphertext));
    }

    @Override
    public Encapsulation encapsulate(Bytes key, Secret coins) throws InvalidKey {
        List<Bytes> made = valid(once(
                () -> {
                    try (Encapsulation fresh = primitives.encapsulate(key, coins)) {
                        return List.of(fresh.ciphertext(), bytes(fresh.secret()));
                    }
                },
                InvalidKey.class,
                "encapsulate",
                key,
                coins));
        return new Encapsulation(made.getFirst(), Secret.take(made.getLast().toArray()));
    }

    @Override
    public Secret decapsulate(Secret seed, Bytes ciphertext) throws InvalidKey {
        List<Bytes> made = valid(once(
                () -> {
                    try (Secret fresh = primitives.decapsulate(seed, ciphertext)) {
                        return List.of(bytes(fresh));
                    }
                },
                InvalidKey.class,
                "decapsulate",
                seed,
                ciphertext));
        return Secret.take(made.getFirst().toArray());
    }

    @Override
    public Bytes seal(Bytes key, Bytes info, Secret plain, Randomness randomness) throws InvalidKey {
        checkKemKey(key);
        Bytes coins = randomness.bytes(64);
        return valid(once(
                        () -> List.of(primitives.seal(key, info, plain, target -> coins.copyTo(target, 0))),
                        InvalidKey.class,
                        "seal",
                        key,
                        info,
                        plain,
                        coins))
                .getFirst();
    }

    @Override
    public Secret open(Secret seed, Bytes info, Bytes box) throws BoxRefused {
        List<Bytes> made = once(
                        () -> {
                            try (Secret fresh = primitives.open(seed, info, box)) {
                                return List.of(bytes(fresh));
                            }
                        },
                        BoxRefused.class,
                        "open",
                        seed,
                        info,
                        box)
                .orElseThrow(() -> new BoxRefused("sealed box does not open"));
        return Secret.take(made.getFirst().toArray());
    }

    private static List<Bytes> valid(Optional<List<Bytes>> result) throws InvalidKey {
        return result.orElseThrow(() -> new InvalidKey("a key or ciphertext that is none"));
    }

    private static Bytes bytes(Secret secret) {
        return Bytes.of(secret.expose(InsecureSecretAccess.get()));
    }
}
