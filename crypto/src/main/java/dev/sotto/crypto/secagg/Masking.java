package dev.sotto.crypto.secagg;

import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.NotFinite;
import dev.sotto.crypto.fixedpoint.Rounding;
import dev.sotto.crypto.fixedpoint.Rows;
import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.mask.MaskStream;
import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.UpdateChunk;
import dev.sotto.schemas.UpdateManifest;
import dev.sotto.schemas.VectorLayout;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// An update on its way into the spool (protocol §5, step 6): each chunk is encoded, masked and signed, some
/// at the same time, and written in order. No more than that many are held in memory.
///
/// What is written depends on the randomness that is drawn, never on the number of threads.
final class Masking {
    private final Identity identity;
    private final MemberState.Training state;
    private final Randomness randomness;
    private final int threads;
    private final RoundOpened message;
    private long clipped;

    /// One chunk as it leaves.
    private record Masked(Envelope signed, Bytes hash, int clipped) {}

    /// Encodes a chunk; says how many coordinates were clipped. Thread-safe.
    @FunctionalInterface
    private interface Encoder {
        int encode(int index, byte[] packed);
    }

    Masking(Identity identity, MemberState.Training state, Randomness randomness, int threads) {
        this.identity = identity;
        this.state = state;
        this.randomness = randomness;
        this.threads = threads;
        this.message = state.routed().roster().opened().message();
    }

    /// Once.
    ///
    /// @throws NotFinite if a coordinate is not; nothing was written
    UpdateManifest spool(Update update, Spool spool) throws NotFinite {
        List<VectorLayout> trained =
                message.layout().subList(0, message.layout().size() - 1);
        for (VectorLayout vector : trained) {
            codec(vector).requireFinite(values(update, vector));
        }
        List<UpdateManifest.VectorHashes> hashes = new ArrayList<>();
        for (VectorLayout vector : trained) {
            float[] values = values(update, vector);
            FixedPoint codec = codec(vector);
            try (Secret key = randomness.secret(Rounding.KEY)) {
                hashes.add(spool(vector, spool, (index, packed) -> {
                    try (Rounding rounding = new Rounding(key, codec.first(index))) {
                        return codec.encode(values, index, update.weight(), rounding, packed);
                    }
                }));
            }
        }
        hashes.add(spool(message.layout().getLast(), spool, (index, packed) -> scalars(update, packed)));
        spool.seal();
        return new UpdateManifest(hashes);
    }

    private FixedPoint codec(VectorLayout vector) {
        return new FixedPoint(
                Parameters.ring(message, vector), vector, message.cohort().size(), message.weightCap());
    }

    private static float[] values(Update update, VectorLayout vector) {
        float @Nullable [] values = update.vectors().get(vector.name());
        if (values == null || values.length != vector.size()) {
            throw new IllegalArgumentException(
                    "the update must hold " + vector.size() + " coordinates of " + vector.name());
        }
        return values;
    }

    private int scalars(Update update, byte[] packed) {
        byte[] encoded = Scalars.encode(
                Weighting.of(message.weighting()),
                update.weight(),
                update.meanLoss(),
                clipped,
                update.examples(),
                update.tokens(),
                update.rank(),
                Rows.of(message.plan()),
                message.layout().getFirst().weighted());
        System.arraycopy(encoded, 0, packed, 0, packed.length);
        return 0;
    }

    private UpdateManifest.VectorHashes spool(VectorLayout vector, Spool spool, Encoder encoder) {
        List<Bytes> hashes = new ArrayList<>();
        List<MaskStream.Term> terms = terms(vector);
        try {
            int count = Parameters.ring(message, vector).chunks(vector.size());
            Chunks.inOrder(count, threads, index -> mask(vector, index, encoder, terms), made -> {
                spool.write(made.signed());
                hashes.add(made.hash());
                clipped += made.clipped();
            });
        } finally {
            terms.forEach(term -> term.key().close());
        }
        return new UpdateManifest.VectorHashes(vector.name(), hashes);
    }

    private Masked mask(VectorLayout vector, int index, Encoder encoder, List<MaskStream.Term> terms) {
        Ring ring = Parameters.ring(message, vector);
        byte[] packed = new byte[ring.chunkSize(vector.size(), index) * ring.wordBytes()];
        int outside = encoder.encode(index, packed);
        new MaskStream().apply(ring, packed, packed.length, (long) index * Limits.CHUNK, terms);
        UpdateChunk chunk = new UpdateChunk(vector.name(), index, Bytes.of(packed));
        return new Masked(identity.sign(chunk, state.chain().head()), Enc.sha256(packed, 0, packed.length), outside);
    }

    /// y = q + PRG(b) + Σ ± PRG(s): plus where this member comes first.
    private List<MaskStream.Term> terms(VectorLayout vector) {
        RoundContext context = state.routed().roster().context();
        Bytes t2 = state.routed().t2();
        String me = identity.name();
        List<MaskStream.Term> terms = new ArrayList<>();
        terms.add(new MaskStream.Term(context.selfStreamKey(state.selfMask(), t2, me, vector.name()), true));
        state.pairSeeds().forEach((other, seed) -> {
            boolean first = me.compareTo(other) < 0;
            Secret key = context.pairStreamKey(seed, t2, first ? me : other, first ? other : me, vector.name());
            terms.add(new MaskStream.Term(key, first));
        });
        return terms;
    }
}
