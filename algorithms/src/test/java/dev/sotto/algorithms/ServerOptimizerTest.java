package dev.sotto.algorithms;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/// Against OpenFedLLM's own server code on random adapters: 4 rounds, 3 of 5 clients each.
class ServerOptimizerTest {
    private static final List<String> TENSORS = List.of(
            "layers.0.q_proj.lora_A", "layers.0.q_proj.lora_B", "layers.1.v_proj.lora_A", "layers.1.v_proj.lora_B");

    private final ByteBuffer data;
    private final JsonNode header;
    private final JsonNode about;

    ServerOptimizerTest() throws IOException {
        try (InputStream in = Objects.requireNonNull(getClass().getResourceAsStream("/algorithms.safetensors"))) {
            ByteBuffer file = ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
            byte[] json = new byte[(int) file.getLong()];
            file.get(json);
            header = new ObjectMapper().readTree(json);
            data = file.slice().order(ByteOrder.LITTLE_ENDIAN);
            about = new ObjectMapper()
                    .readTree(header.get("__metadata__").get("about").asText());
        }
    }

    /// The four tensors of one place, one after the other.
    private float[] vector(String prefix) {
        List<Float> all = new ArrayList<>();
        for (String tensor : TENSORS) {
            JsonNode offsets =
                    Objects.requireNonNull(header.get(prefix + tensor), prefix).get("data_offsets");
            for (int at = offsets.get(0).asInt(); at < offsets.get(1).asInt(); at += 4) {
                all.add(data.getFloat(at));
            }
        }
        float[] vector = new float[all.size()];
        for (int i = 0; i < vector.length; i++) {
            vector[i] = all.get(i);
        }
        return vector;
    }

    @Test
    void step_openFedLlmsRounds_matchesAllSeven() {
        for (ServerOptimizer optimizer : ServerOptimizer.values()) {
            String name = optimizer.wireName();
            float[] w = vector(name + "/init/");
            float[][] state = optimizer.initialState(w.length);
            for (int round = 0; round < about.get("rounds").asInt(); round++) {
                String at = name + "/r" + round + "/";
                JsonNode cohort = about.get(at + "cohort");
                double total = 0;
                for (JsonNode client : cohort) {
                    total += optimizer.weighted()
                            ? about.get("examples").get(client.asInt()).asInt()
                            : 1;
                }
                double[] delta = new double[w.length];
                double[] controls = new double[w.length];
                for (JsonNode client : cohort) {
                    double n = optimizer.weighted()
                            ? about.get("examples").get(client.asInt()).asInt()
                            : 1;
                    float[] local = vector(at + "client" + client.asInt() + "/");
                    float[] moved = optimizer == ServerOptimizer.SCAFFOLD
                            ? vector(at + "client" + client.asInt() + "/delta_c/")
                            : new float[w.length];
                    for (int i = 0; i < w.length; i++) {
                        delta[i] += n / total * ((double) local[i] - w[i]);
                        controls[i] += moved[i];
                    }
                }
                optimizer.step(
                        w,
                        List.of(delta, controls),
                        state,
                        round,
                        about.get("clients").asInt());
                assertClose(w, vector(at + "global/"), at + "global");
                if (optimizer.hasControl()) {
                    assertClose(state[0], vector(at + "c/"), at + "c");
                }
            }
        }
    }

    private static void assertClose(float[] got, float[] expected, String where) {
        for (int i = 0; i < got.length; i++) {
            assertThat((double) got[i])
                    .as("%s[%d]", where, i)
                    .isCloseTo(expected[i], org.assertj.core.data.Offset.offset(1e-6));
        }
    }

    @Test
    void step_inSlices_equalsTheWhole() {
        for (ServerOptimizer optimizer : ServerOptimizer.values()) {
            float[] whole = {1, 2, 3, 4};
            double[] delta = {0.5, -1, 0, 1e-3};
            float[][] state = optimizer.initialState(4);
            optimizer.step(whole, List.of(delta, delta), state, 0, 5);
            optimizer.step(whole, List.of(delta, delta), state, 1, 5);
            for (int i = 0; i < 4; i++) {
                float[] one = {i + 1};
                float[][] own = optimizer.initialState(1);
                List<double[]> slice = List.of(new double[] {delta[i]}, new double[] {delta[i]});
                optimizer.step(one, slice, own, 0, 5);
                optimizer.step(one, slice, own, 1, 5);
                assertThat(one[0]).isEqualTo(whole[i]);
            }
        }
    }

    @Test
    void of_unknownName_listsTheSeven() {
        assertThatThrownBy(() -> ServerOptimizer.of("fedsgd"))
                .hasMessageContaining("fedsgd")
                .hasMessageContaining("fedavg, fedprox, scaffold, fedavgm, fedadagrad, fedyogi, fedadam");
    }

    @Test
    void cosine_endsAndMiddle() {
        assertThat(Schedule.cosine(1e-3, 1e-6, 0, 10)).isEqualTo(1e-3);
        assertThat(Schedule.cosine(1e-3, 1e-6, 5, 10))
                .isCloseTo((1e-3 + 1e-6) / 2, org.assertj.core.data.Offset.offset(1e-12));
        assertThat(Schedule.cosine(1e-3, 1e-6, 10, 10)).isCloseTo(1e-6, org.assertj.core.data.Offset.offset(1e-12));
        assertThatThrownBy(() -> Schedule.cosine(1, 0, 0, 0)).isInstanceOf(IllegalArgumentException.class);
    }
}
