package dev.sotto.bench;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.Rounding;
import dev.sotto.crypto.mask.MaskStream;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/// What is done with one full chunk of an update (768 KiB, 262,144 coordinates in words of 24 bits): by the member who
/// sends it, and by the coordinator who adds it.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class ChunkBenchmark {
    private final Primitives primitives = new BouncyCastlePrimitives();
    private final Ring ring = Ring.of(24);
    private final int coordinates = ring.chunkCoordinates();
    private final VectorLayout layout =
            new VectorLayout("adapter", true, List.of(new TensorLayout("t", List.of(coordinates / 64, 64), -3)));
    private final FixedPoint codec = new FixedPoint(ring, layout, 8, 1024);
    private final Rounding rounding = new Rounding(Randomness.secure().secret(Rounding.KEY), 0);
    private final MaskStream masks = new MaskStream();
    private final float[] update = new float[coordinates];
    private final byte[] packed = new byte[coordinates * ring.wordBytes()];
    private final byte[] sum = new byte[packed.length];
    private Secret seed = Secret.take(new byte[32]);
    private Bytes key = Bytes.EMPTY;
    private Bytes hash = Bytes.EMPTY;
    private Bytes signature = Bytes.EMPTY;

    /// For JMH.
    public ChunkBenchmark() {}

    /// Fills the chunk.
    @Setup
    public void fill() {
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < update.length; i++) {
            update[i] = (float) random.nextDouble(-0.1, 0.1);
        }
        random.nextBytes(packed);
        seed = Secret.take(new byte[32]);
        key = primitives.identityKey(seed);
        hash = Enc.sha256(packed, 0, packed.length);
        signature = primitives.sign(seed, hash);
    }

    /// Member: clip, scale, round at random, pack.
    @Benchmark
    public byte[] encode() {
        int clipped = codec.encode(update, 0, 512, rounding, packed);
        packed[0] ^= (byte) clipped;
        return packed;
    }

    /// Member: one of the masks; it adds one for each other member, and its own.
    @Benchmark
    public byte[] mask() {
        masks.addTo(ring, packed, packed.length, 0, seed);
        return packed;
    }

    /// Coordinator and member: the hash that manifest and signature are over.
    @Benchmark
    public Bytes hash() {
        return Enc.sha256(packed, 0, packed.length);
    }

    /// Member: the signature over the hash.
    @Benchmark
    public Bytes sign() {
        return primitives.sign(seed, hash);
    }

    /// Coordinator: its verification.
    @Benchmark
    public boolean verify() {
        return primitives.verify(key, hash, signature);
    }

    /// Coordinator: the sum.
    @Benchmark
    public byte[] add() {
        ring.add(sum, packed, packed.length);
        return sum;
    }
}
