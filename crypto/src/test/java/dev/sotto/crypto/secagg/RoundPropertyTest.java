package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.IntRange;

/// Whole rounds with both machines, of any size, ring, weighting, layout, ranges and dropouts.
class RoundPropertyTest {
    private static final Bytes ADAPTER_0 = Bytes.zeros(32);

    /// |secure mean − plaintext mean| ≤ (|U3|/Σw̃)·r/Q per coordinate over the clipped values of those who
    /// survived, weights and clipped coordinates counted exactly, at exactly n − maxDropouts survivors too.
    @Property(tries = 40)
    @Tag("slow")
    void round_any_meansTheSurvivorsWithinTheBound(
            @ForAll @IntRange(min = 3, max = 9) int members,
            @ForAll Ring ring,
            @ForAll Weighting wanted,
            @ForAll @IntRange(min = -12, max = 3) int range,
            @ForAll @IntRange(min = 1, max = 300) int size,
            @ForAll @IntRange(min = 0, max = 4) int dropouts,
            @ForAll boolean beforeDealing,
            @ForAll long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Federation federation = new Federation(members, seed);
        federation.ringBits = ring.bits();
        federation.weighting = ring == Ring.K16 && wanted == Weighting.EXACT ? Weighting.CLASSES : wanted;
        federation.weightCap = federation.weighting == Weighting.UNIFORM ? 1 : Federation.CAP;
        VectorLayout adapter = new VectorLayout(
                "adapter",
                true,
                List.of(new TensorLayout("a", List.of(size), range), new TensorLayout("b", List.of(3), 0)));
        federation.vectors = List.of(adapter);
        int length = (int) adapter.size();
        federation.version = new dev.sotto.crypto.model.ModelVersion(
                0,
                new dev.sotto.crypto.model.ModelHeader(java.util.Optional.empty(), length),
                new float[length],
                List.of());
        for (String id : federation.ids) {
            float[] values = new float[length];
            for (int i = 0; i < length; i++) {
                values[i] = (float) (random.nextDouble(-1.2, 1.2) * bound(adapter, i));
            }
            int examples = 1 + random.nextInt(2 * Federation.CAP);
            int weight = federation.weighting.weight(examples, federation.weightCap);
            federation.forced.put(id, new Update(Map.of("adapter", values), weight, 1.5, examples, 10L * examples));
        }
        int c = Parameters.defaultMaxColluders(members);
        int most = members - Math.max(Parameters.defaultThreshold(members, c), Math.max(3, c + 2));
        List<String> survivors = new ArrayList<>(federation.ids);
        while (survivors.size() > members - Math.min(dropouts, most)) {
            String dropped = survivors.remove(random.nextInt(survivors.size()));
            federation.dies.put(dropped, beforeDealing ? MessageType.KEYS_ADVERTISED : MessageType.SHARES_DEALT);
        }
        federation.open(federation.next(most, ADAPTER_0));
        federation.run();

        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
        Totals totals = federation.totals.orElseThrow();
        double[] plain = new double[length];
        long weight = 0;
        long clipped = 0;
        for (String id : survivors) {
            Update update = Objects.requireNonNull(federation.forced.get(id));
            weight += update.weight();
            float[] values = Objects.requireNonNull(update.vectors().get("adapter"));
            for (int i = 0; i < length; i++) {
                double bound = bound(adapter, i);
                plain[i] += Math.clamp(values[i], -bound, bound) * update.weight();
                clipped += Math.abs(values[i]) > bound ? 1 : 0;
            }
        }
        assertThat(totals.survivors()).isEqualTo(survivors.size());
        assertThat(totals.weight()).isEqualTo(weight);
        assertThat(totals.clipped()).isEqualTo(clipped);
        assertThat(totals.meanLoss()).isCloseTo(1.5, within(1e-5));
        FixedPoint codec = new FixedPoint(ring, adapter, members, federation.weightCap);
        for (int i = 0; i < length; i++) {
            double error = codec.errorBound(i < size ? 0 : 1, totals) * (1 + 1e-9);
            assertThat(federation.mean[i]).isCloseTo(plain[i] / weight, within(error));
        }
    }

    private static double bound(VectorLayout adapter, int coordinate) {
        TensorLayout first = adapter.tensors().getFirst();
        return coordinate < first.size() ? first.range() : 1;
    }
}
