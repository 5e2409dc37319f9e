package dev.sotto.bench;

import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.Rounding;
import dev.sotto.crypto.mask.MaskStream;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/// What a vector of 10⁶ coordinates costs ten members and the coordinator, beside the JDK's own keystream of as many
/// streams: divide in one run, machines differ.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class MaskBenchmark {
    private static final int COORDINATES = 1_000_000;
    private static final int MEMBERS = 10;

    /// k.
    @Param({"16", "24", "32"})
    public int bits;

    private Ring ring = Ring.K24;
    private FixedPoint codec = new FixedPoint(Ring.K24, layout(), MEMBERS, 1024);
    private final Rounding rounding = new Rounding(Randomness.secure().secret(Rounding.KEY), 0);
    private final MaskStream masks = new MaskStream();
    private final float[] update = new float[COORDINATES];
    private final List<byte[]> chunks = new ArrayList<>();
    private final byte[] zeros = new byte[Limits.CHUNK];
    private final byte[] stream = new byte[Limits.CHUNK];
    private final List<Cipher> ciphers = new ArrayList<>();

    /// For JMH.
    public MaskBenchmark() {}

    private static VectorLayout layout() {
        return new VectorLayout("adapter", true, List.of(new TensorLayout("t", List.of(1000, 1000), -3)));
    }

    /// Fills the vector.
    @Setup
    public void fill() throws GeneralSecurityException {
        ring = Ring.of(bits);
        codec = new FixedPoint(ring, layout(), MEMBERS, 1024);
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < update.length; i++) {
            update[i] = (float) random.nextDouble(-0.1, 0.1);
        }
        for (int index = 0; index < ring.chunks(COORDINATES); index++) {
            byte[] chunk = new byte[ring.chunkSize(COORDINATES, index) * ring.wordBytes()];
            random.nextBytes(chunk);
            chunks.add(chunk);
        }
        for (int i = 0; i < MEMBERS; i++) {
            Cipher cipher = Cipher.getInstance("AES/CTR/NoPadding");
            cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(new byte[32], "AES"), new IvParameterSpec(new byte[16]));
            ciphers.add(cipher);
        }
    }

    private static List<MaskStream.Term> terms(int count) {
        List<MaskStream.Term> terms = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            byte[] key = new byte[32];
            key[0] = (byte) i;
            terms.add(new MaskStream.Term(Secret.take(key), i % 2 == 0));
        }
        return terms;
    }

    private List<byte[]> mix(int streams) {
        List<MaskStream.Term> terms = terms(streams);
        for (int index = 0; index < chunks.size(); index++) {
            byte[] chunk = chunks.get(index);
            masks.apply(ring, chunk, chunk.length, (long) index * Limits.CHUNK, terms);
        }
        return chunks;
    }

    /// The JDK's AES-256-CTR of ten streams as long as the vector, nothing added: the floor.
    @Benchmark
    public byte[] raw() throws GeneralSecurityException {
        for (Cipher cipher : ciphers) {
            for (byte[] chunk : chunks) {
                for (int at = 0; at < chunk.length; at += 6144) {
                    int _ = cipher.update(zeros, 0, Math.min(6144, chunk.length - at), stream, 0);
                }
            }
        }
        return stream;
    }

    /// Ten streams expanded and added: a member's mask, and what ten survivors' masks cost the coordinator.
    @Benchmark
    public List<byte[]> mask() {
        return mix(MEMBERS);
    }

    /// One stream alone, without company to share its way.
    @Benchmark
    public List<byte[]> oneMask() {
        return mix(1);
    }

    /// What a member does with its update: encode, pack, mask.
    @Benchmark
    public List<byte[]> client() {
        for (int index = 0; index < chunks.size(); index++) {
            int _ = codec.encode(update, index, 512, rounding, chunks.get(index));
        }
        return mix(MEMBERS);
    }

    /// What the coordinator takes off when two of ten members dropped out: eight self masks, sixteen pair masks.
    @Benchmark
    public List<byte[]> unmaskTwoDropped() {
        return mix(8 + 2 * 8);
    }
}
