package dev.sotto.crypto;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.model.ModelAssembly;
import dev.sotto.crypto.model.ModelCipher;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.model.NextLayout;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Encapsulation;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.Identity;
import dev.sotto.crypto.secagg.MachineFuzz;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.crypto.shamir.InconsistentShares;
import dev.sotto.crypto.shamir.Shamir;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.ModelChunk;
import dev.sotto.schemas.RegistryEntry;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import dev.sotto.schemas.fuzz.FuzzTarget;
import dev.sotto.schemas.fuzz.FuzzTargets;
import dev.sotto.schemas.fuzz.Program;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;

/// Every decoder of bytes that a peer, the coordinator or the broker made, and both state machines.
public final class FuzzTest extends FuzzTargets {
    private static final Primitives PRIMITIVES = new BouncyCastlePrimitives();
    private static final Bytes INFO = Bytes.utf8("info");
    private static final VectorLayout ADAPTER = new VectorLayout(
            "adapter", true, List.of(new TensorLayout("a", List.of(2, 3), -2), new TensorLayout("b", List.of(4), 1)));
    private static final ModelVersion VERSION = new ModelVersion(
            5,
            new ModelHeader(
                    Optional.of(new ModelHeader.Made(
                            4,
                            24,
                            99,
                            1024,
                            new Totals(3, 700, 12.5, 6, 0, 0),
                            List.of(
                                    new ModelHeader.Tensor("adapter", "a", -4, BigInteger.TEN.pow(30)),
                                    new ModelHeader.Tensor("adapter", "b", 3, BigInteger.ZERO)))),
                    20),
            new float[10],
            List.of(new float[10]));

    @Override
    protected List<FuzzTarget> targets() {
        return List.of(
                new FuzzTarget("key", 100, keys(), FuzzTest::key),
                new FuzzTarget("header", 1_000, List.of(VERSION.header().encode()), FuzzTest::header),
                new FuzzTarget("version", 500, versions(), FuzzTest::version),
                new FuzzTarget("registry", 100, registries(), FuzzTest::registry),
                new FuzzTarget("sum", 1_000, List.of(sum()), FuzzTest::sum),
                new FuzzTarget("shares", 200, List.of(shares()), FuzzTest::shares),
                new FuzzTarget("recomputation", 10, programs(), MachineFuzz::recomputation),
                new FuzzTarget("director", 20, programs(), MachineFuzz::director),
                new FuzzTarget("member", 20, programs(), MachineFuzz::member));
    }

    private static Secret secret(int value) {
        byte[] bytes = new byte[32];
        Arrays.fill(bytes, (byte) value);
        return Secret.take(bytes);
    }

    private static Bytes seed(int choice, Bytes... parts) {
        byte[] seed = {(byte) choice};
        for (Bytes part : parts) {
            int at = seed.length;
            seed = Arrays.copyOf(seed, at + part.size());
            part.copyTo(seed, at);
        }
        return Bytes.of(seed);
    }

    // ---- keys, ciphertexts, boxes and signatures of peers ----

    private static List<Bytes> keys() {
        try (Secret secret = secret(1);
                Secret coins = Secret.take(new byte[64])) {
            Bytes key = PRIMITIVES.kemKey(secret);
            Bytes box = PRIMITIVES.seal(key, INFO, secret, target -> Arrays.fill(target, (byte) 2));
            Bytes identity = PRIMITIVES.identityKey(secret);
            return List.of(
                    seed(0, key),
                    seed(1, PRIMITIVES.encapsulate(key, coins).ciphertext()),
                    seed(2, box),
                    seed(3, identity, PRIMITIVES.sign(secret, INFO)));
        } catch (InvalidKey e) {
            throw new IllegalStateException("its own key", e);
        }
    }

    private static boolean key(byte[] input) {
        Program program = new Program(input);
        int what = program.below(4);
        Bytes bytes = Bytes.of(program.rest());
        try (Secret secret = secret(1);
                Secret coins = Secret.take(new byte[64])) {
            switch (what) {
                case 0 -> {
                    PRIMITIVES.checkKemKey(bytes);
                    try (Encapsulation made = PRIMITIVES.encapsulate(bytes, coins)) {
                        PRIMITIVES.checkCiphertext(made.ciphertext());
                    }
                    assertThat(PRIMITIVES
                                    .seal(bytes, INFO, secret, target -> Arrays.fill(target, (byte) 2))
                                    .size())
                            .isEqualTo(Limits.SEED_BOX);
                }
                case 1 -> {
                    PRIMITIVES.checkCiphertext(bytes);
                    try (Secret shared = PRIMITIVES.decapsulate(secret, bytes)) {
                        assertThat(shared.size()).isEqualTo(32);
                    }
                }
                case 2 -> PRIMITIVES.open(secret, INFO, bytes).close();
                default -> {
                    int split = Math.min(32, bytes.size());
                    return PRIMITIVES.verify(bytes.slice(0, split), INFO, bytes.slice(split, bytes.size()));
                }
            }
            return true;
        } catch (InvalidKey | BoxRefused refused) {
            return false;
        }
    }

    // ---- versions of the model ----

    /// What the coordinator put into a header fixes the members' next ranges: those must be ranges.
    private static boolean header(byte[] input) {
        ModelHeader header;
        try {
            header = ModelHeader.parse(Bytes.of(input));
        } catch (MalformedMessage refused) {
            return false;
        }
        assertThat(header.encode()).isEqualTo(Bytes.of(input));
        assertThat(NextLayout.of(ADAPTER, true, header, 10, 1e-3, Weighting.CLASSES, 0))
                .hasSize(3);
        return true;
    }

    /// Chunks: which one, how many it says there are, what is in it if not the right bytes, under which key.
    private static boolean version(byte[] input) {
        Program program = new Program(input);
        List<Bytes> plain = VERSION.chunks();
        try (Secret key = secret(1);
                Secret other = secret(2)) {
            ModelAssembly assembly = new ModelAssembly(key, "north", 5, VERSION.digest("north"), 10);
            while (!program.isOver()) {
                int index = program.below(plain.size() + 1);
                int choice = program.next();
                int count = (choice & 1) == 0 ? plain.size() : Math.max(1, program.integer() & Integer.MAX_VALUE);
                Bytes chunk = (choice & 2) == 0 && index < plain.size()
                        ? plain.get(index)
                        : Bytes.of(program.bytes(program.next()));
                long number = (choice & 4) == 0 ? 5 : program.next();
                Optional<ModelVersion> made = (choice & 8) == 0
                        ? assembly.add(ModelCipher.seal(
                                (choice & 16) == 0 ? key : other,
                                "north",
                                number,
                                Math.min(index, count - 1),
                                count,
                                chunk))
                        : assembly.add(ModelChunk.parse(Bytes.of(program.rest())));
                if (made.isPresent()) {
                    assertThat(made.get().digest("north")).isEqualTo(VERSION.digest("north"));
                    return true;
                }
            }
        } catch (MalformedMessage refused) {
            assertThat(refused.getMessage()).isNotBlank();
        }
        return false;
    }

    private static List<Bytes> versions() {
        return List.of(Bytes.fromHex("000001000200"), Bytes.fromHex("010000000200"));
    }

    // ---- the registry ----

    private static Identity coordinator() {
        return new Identity(PRIMITIVES, "north", "coordinator", secret(9));
    }

    /// An entry with any content, signed by the coordinator.
    private static boolean registry(byte[] input) {
        try (Identity coordinator = coordinator()) {
            Directory directory = new Directory("north", coordinator.key(), Map.of(), Map.of());
            RegistryEntry entry = RegistryEntry.parse(Bytes.of(input));
            Registry next = Registry.START.next(PRIMITIVES, directory, coordinator.sign(entry, Registry.START.head()));
            assertThat(next.head()).isNotEqualTo(Registry.START.head());
            assertThat(next.directory("north", coordinator.key()).members().keySet())
                    .isEqualTo(next.members().keySet());
            return true;
        } catch (MalformedMessage | PeerMisbehaved refused) {
            return false;
        }
    }

    private static List<Bytes> registries() {
        try (Secret identity = secret(3)) {
            Bytes delivery = PRIMITIVES.kemKey(identity);
            Bytes signature = Registry.signDelivery(PRIMITIVES, identity, "north", "acme", delivery);
            return List.of(
                    new RegistryEntry.Enrolled(
                                    "acme", 1, "acme", PRIMITIVES.identityKey(identity), delivery, signature, "1f")
                            .encode(),
                    new RegistryEntry.Revoked("acme", "left").encode());
        }
    }

    // ---- what remains of a sum ----

    private static boolean sum(byte[] input) {
        Program program = new Program(input);
        Ring ring = program.of(List.of(Ring.K24, Ring.K16, Ring.K32));
        Weighting weighting = program.of(List.of(Weighting.values()));
        byte[] scalars = Arrays.copyOf(program.bytes(96), 96);
        byte[] packed = Arrays.copyOf(program.rest(), 10 * ring.wordBytes());
        FixedPoint codec = new FixedPoint(ring, ADAPTER, 4, 1024);
        try {
            Totals totals = Scalars.decode(scalars, weighting, 3, 1024);
            List<BigInteger> squares = new ArrayList<>(Collections.nCopies(2, BigInteger.ZERO));
            for (double coordinate : codec.mean(packed, 0, totals)) {
                assertThat(coordinate).isBetween(-10.0, 10.0);
            }
            codec.addSquares(packed, 0, squares);
            ModelHeader header = new ModelHeader(
                    Optional.of(new ModelHeader.Made(
                            1,
                            ring.bits(),
                            codec.quotient(),
                            1024,
                            totals,
                            List.of(
                                    new ModelHeader.Tensor("adapter", "a", -2, squares.get(0)),
                                    new ModelHeader.Tensor("adapter", "b", 1, squares.get(1))))),
                    10);
            assertThat(ModelHeader.parse(header.encode())).isEqualTo(header);
            assertThat(NextLayout.of(ADAPTER, false, header, 10, 1e-3, weighting, 0))
                    .hasSize(2);
            return true;
        } catch (AggregateOutOfRange refused) {
            return false;
        } catch (MalformedMessage e) {
            throw new AssertionError("the header of a sum in range", e);
        }
    }

    /// Three members of weight 100.
    private static Bytes sum() {
        byte[] scalars = Scalars.encode(Weighting.CLASSES, 100, 2.5, 1, 0, 0);
        byte[] all = new byte[96];
        for (int i = 0; i < 3; i++) {
            Ring.K32.add(all, scalars, scalars.length);
        }
        return seed(0, Bytes.fromHex("01"), Bytes.of(all), Bytes.zeros(30));
    }

    // ---- shares ----

    /// Shares at any places, the first of which are honest if the input says so.
    private static boolean shares(byte[] input) {
        Program program = new Program(input);
        int threshold = 1 + program.below(4);
        int honest = program.below(6);
        SortedMap<Integer, Secret> shares = new TreeMap<>();
        try (Secret secret = secret(5)) {
            List<Secret> split = Shamir.split(secret, threshold, 6, target -> Arrays.fill(target, (byte) 3));
            for (int i = 0; i < honest; i++) {
                shares.put(i + 1, split.get(i));
            }
            while (!program.isOver() || shares.size() < threshold) {
                shares.put(7 + program.below(249), Secret.take(Arrays.copyOf(program.bytes(32), 32)));
                if (program.isOver() && shares.size() < threshold) {
                    return false;
                }
            }
            try (Secret combined = Shamir.combine(threshold, shares)) {
                assertThat(combined.size()).isEqualTo(32);
                assertThat(honest < threshold || combined.sameAs(secret)).isTrue();
            }
            return true;
        } catch (InconsistentShares refused) {
            return false;
        }
    }

    private static Bytes shares() {
        return Bytes.fromHex("0205");
    }

    // ---- the machines ----

    /// An adversary that does nothing, and some that do something.
    private static List<Bytes> programs() {
        List<Bytes> programs = new ArrayList<>(List.of(Bytes.zeros(1)));
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 8; i++) {
            byte[] program = new byte[16 << i % 4];
            random.nextBytes(program);
            programs.add(Bytes.of(program));
        }
        return programs;
    }
}
