package dev.sotto.training.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.LoraConfig.Matrix;
import dev.sotto.training.checkpoint.LoraMode;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What a federation promises of the modes: a weighted mean of what is shared gives the weighted mean of the
/// products, and what a round trains has the gradient of what it shares.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SharedAdapterTest {
    private static final double[] WEIGHTS = {0.5, 0.3, 0.2};

    private final References.Reference llama = References.llama();
    private final LlamaConfig config = llama.model.config();
    private final LoraConfig lora =
            new LoraConfig(4, 8, 0, false, llama.adapter.lora().targets());

    @AfterAll
    void close() {
        llama.close();
    }

    private SharedAdapter shared(LoraMode mode) {
        return SharedAdapter.of(
                mode,
                lora,
                config,
                matrix -> random(matrix.size(), matrix.name().hashCode()));
    }

    private static float[] random(int size, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) (0.2 * random.nextGaussian());
        }
        return values;
    }

    /// Every B A, one after the other.
    private double[] products(float[] adapter) {
        List<Double> all = new ArrayList<>();
        List<Matrix> matrices = lora.matrices(config);
        int at = 0;
        for (int i = 0; i < matrices.size(); i += 2) {
            Matrix a = matrices.get(i);
            Matrix b = matrices.get(i + 1);
            assertThat(a.down() && !b.down()).isTrue();
            int up = at + a.size();
            for (int row = 0; row < b.rows(); row++) {
                for (int column = 0; column < a.columns(); column++) {
                    double sum = 0;
                    for (int k = 0; k < lora.rank(); k++) {
                        sum += (double) adapter[up + row * lora.rank() + k] * adapter[at + k * a.columns() + column];
                    }
                    all.add(sum);
                }
            }
            at = up + b.size();
        }
        return all.stream().mapToDouble(value -> value).toArray();
    }

    /// The largest difference between the product of the means and the mean of the products, after a round.
    private double difference(LoraMode mode, long round) {
        SharedAdapter shared = shared(mode);
        float[] start = random(shared.size(), 99);
        float[] mean = new float[shared.size()];
        double[] expected = products(shared.adapter(start));
        java.util.Arrays.fill(expected, 0);
        for (int member = 0; member < WEIGHTS.length; member++) {
            SharedAdapter.Round trains = shared.round(round, start);
            float[] trained = random(trains.start().length, 7 + member);
            float[] moved = trains.end(trained);
            assertThat(trains.adapter(trained)).isEqualTo(shared.adapter(moved));
            double[] products = products(shared.adapter(moved));
            for (int i = 0; i < mean.length; i++) {
                mean[i] += (float) (WEIGHTS[member] * moved[i]);
            }
            for (int i = 0; i < expected.length; i++) {
                expected[i] += WEIGHTS[member] * products[i];
            }
        }
        double[] made = products(shared.adapter(mean));
        double worst = 0;
        for (int i = 0; i < made.length; i++) {
            worst = Math.max(worst, Math.abs(made[i] - expected[i]));
        }
        return worst;
    }

    @Test
    void meanOfWhatIsShared_givesTheMeanOfTheProducts_exceptWithLora() {
        for (long round : List.of(0L, 1L)) {
            for (LoraMode mode : List.of(LoraMode.FFA, LoraMode.ROLORA, LoraMode.FED_SB)) {
                assertThat(difference(mode, round))
                        .as("%s in round %d", mode, round)
                        .isLessThan(1e-6);
            }
            assertThat(difference(LoraMode.LORA, round)).isGreaterThan(1e-2);
        }
    }

    /// The loss falls along the gradient by as much as the gradient says, in both halves of RoLoRA.
    @ParameterizedTest
    @EnumSource(LoraMode.class)
    void gradient_ofWhatIsTrained_isThatOfTheLoss(LoraMode mode) {
        SharedAdapter shared = shared(mode);
        float[] start = random(shared.size(), 5);
        for (long round : List.of(0L, 1L)) {
            SharedAdapter.Round trains = shared.round(round, start);
            float[] from = trains.start();
            float[] gradient = trains.gradient(llama.model
                    .gradient(llama.plain(), lora, trains.adapter(from))
                    .gradient());
            assertThat(gradient).hasSameSizeAs(from);
            double squares = 0;
            for (float g : gradient) {
                squares += (double) g * g;
            }
            double step = 2e-3 / Math.sqrt(squares);
            double slope = (loss(trains, from, gradient, step) - loss(trains, from, gradient, -step)) / (2 * step);
            assertThat(slope / squares).as("%s in round %d", mode, round).isCloseTo(1, within(2e-2));
        }
    }

    /// Whoever has a smaller rank trains an adapter of that rank, moves its rows alone, and has its gradient.
    @Test
    void smallerRank_isAnAdapterOfThatRank() {
        SharedAdapter shared = shared(LoraMode.MIXED);
        float[] start = random(shared.size(), 5);
        int whole = lora.rank();
        for (int rank = 1; rank <= whole + 1; rank++) {
            SharedAdapter.Round trains = shared.round(0, start, rank);
            int own = Math.min(rank, whole);
            assertThat(trains.start()).hasSize(shared.size() / whole * own);
            float[] trained = random(trains.start().length, 6);
            double[] products = products(trains.adapter(trained));
            float[] end = trains.end(trained);
            float[] only = end.clone();
            for (int i = 0; i < only.length; i++) {
                if (row(i) >= own) {
                    assertThat(end[i]).isEqualTo(start[i]);
                    only[i] = 0;
                }
            }
            assertThat(products).isEqualTo(products(only));
            assertThat(shared.round(0, end, rank).start()).isEqualTo(trained);
            // The adapter is linear in what is trained, so the gradient is by the transposed map.
            float[] byAdapter = random(shared.size(), 8);
            assertThat(dot(trains.gradient(byAdapter), trained))
                    .isCloseTo(dot(byAdapter, trains.adapter(trained)), within(1e-3));
        }
    }

    private int row(int coordinate) {
        int at = 0;
        for (Matrix matrix : lora.matrices(config)) {
            if (coordinate < at + matrix.size()) {
                return matrix.down() ? (coordinate - at) / matrix.columns() : (coordinate - at) % matrix.columns();
            }
            at += matrix.size();
        }
        throw new IllegalArgumentException("coordinate " + coordinate);
    }

    private static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (double) a[i] * b[i];
        }
        return sum;
    }

    private double loss(SharedAdapter.Round trains, float[] from, float[] along, double step) {
        float[] moved = from.clone();
        for (int i = 0; i < moved.length; i++) {
            moved[i] += (float) (step * along[i]);
        }
        return llama.model.score(llama.plain(), lora, trains.adapter(moved)).loss();
    }

    @Test
    void sizes_areWhatTheModesShare() {
        int whole = lora.size(config);
        int pairs = lora.matrices(config).size() / 2;
        assertThat(shared(LoraMode.LORA).size()).isEqualTo(whole);
        assertThat(shared(LoraMode.ROLORA).size()).isEqualTo(whole);
        assertThat(shared(LoraMode.FED_SB).size()).isEqualTo(pairs * 16);
        assertThat(shared(LoraMode.FFA).size()).isBetween(whole / 4, 3 * whole / 4);
        assertThatThrownBy(() -> shared(LoraMode.FFA).adapter(new float[3]))
                .hasMessageContaining("the shared vector has 3 coordinates");
        assertThatThrownBy(() -> LoraMode.of("dora"))
                .hasMessage("LoRA mode is 'dora', must be one of lora, ffa, rolora, fed-sb, mixed");
    }
}
