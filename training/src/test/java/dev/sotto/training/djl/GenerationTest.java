package dev.sotto.training.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.djl.References.Reference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// Continuing a prompt, and choosing tokens.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GenerationTest {
    private static final float[] LOGITS = {9, (float) Math.log(1.5), (float) Math.log(0.9), (float) Math.log(0.6), 9};

    private final Reference llama = References.llama();
    private final Model model = llama.model;
    private final LoraConfig lora = llama.adapter.lora();
    private final float[] adapter = llama.adapter.vector();

    @AfterAll
    void close() {
        llama.close();
    }

    private List<int[]> prompts() {
        List<int[]> prompts = new ArrayList<>();
        for (int[] row : llama.rows("input_ids")) {
            prompts.add(Arrays.copyOf(row, 5 + 4 * prompts.size()));
        }
        return prompts;
    }

    /// Token by token through the whole model, nothing kept.
    private int[] withoutCache(int[] prompt, int count) {
        int[] all = prompt;
        for (int i = 0; i < count; i++) {
            float[] logits = model.logits(new int[][] {all}, lora, adapter);
            int vocabulary = model.config().vocabulary();
            int token =
                    Decoding.greedy(1).choose(logits, logits.length - vocabulary, vocabulary, new SplittableRandom(1));
            all = Arrays.copyOf(all, all.length + 1);
            all[all.length - 1] = token;
        }
        return Arrays.copyOfRange(all, prompt.length, all.length);
    }

    /// Prompts of different lengths are padded, which must not show.
    @Test
    void greedy_manyPromptsWithCache_areThoseOfEachWithoutCache() {
        List<int[]> made = model.generate(prompts(), Decoding.greedy(8), lora, adapter);
        for (int row = 0; row < made.size(); row++) {
            assertThat(made.get(row)).containsExactly(withoutCache(prompts().get(row), 8));
        }
    }

    @Test
    void greedy_inBf16_choosesTheBestTokensButForRounding() throws Exception {
        try (Model rounded = Model.load(
                llama.folder.resolve("base"),
                References.execution(Execution.Compute.BF16, Execution.Base.PLAIN, false))) {
            List<int[]> made = rounded.generate(prompts(), Decoding.greedy(8), lora, adapter);
            int vocabulary = model.config().vocabulary();
            for (int row = 0; row < made.size(); row++) {
                int[] prompt = prompts().get(row);
                int[] all = Arrays.copyOf(prompt, prompt.length + made.get(row).length);
                System.arraycopy(made.get(row), 0, all, prompt.length, made.get(row).length);
                float[] logits = model.logits(new int[][] {all}, lora, adapter);
                for (int at = prompt.length; at < all.length; at++) {
                    float[] next = Arrays.copyOfRange(logits, (at - 1) * vocabulary, at * vocabulary);
                    float chosen = next[all[at]];
                    Arrays.sort(next);
                    assertThat(chosen).isCloseTo(next[vocabulary - 1], within(0.05f));
                }
            }
        }
    }

    @Test
    void generate_sampling_isDecidedBySeedAndRow() {
        Decoding decoding = new Decoding(12, 1.5, 50, 0.95, 7);
        List<int[]> one = model.generate(prompts(), decoding, lora, adapter);
        List<int[]> two = model.generate(prompts(), decoding, lora, adapter);
        assertThat(two).usingRecursiveComparison().isEqualTo(one);
        assertThat(model.generate(prompts().subList(0, 1), decoding, lora, adapter)
                        .getFirst())
                .containsExactly(one.getFirst());
        assertThat(model.generate(prompts(), new Decoding(12, 1.5, 50, 0.95, 8), lora, adapter))
                .usingRecursiveComparison()
                .isNotEqualTo(one);
    }

    @Test
    void generate_endOfThePositions_isTheEnd() {
        int positions = model.config().positions();
        int[] prompt = new int[positions - 3];
        Arrays.fill(prompt, 5);
        assertThat(model.generate(List.of(prompt), Decoding.greedy(50)).getFirst())
                .hasSizeLessThanOrEqualTo(3);
        assertThatThrownBy(() -> model.generate(List.of(new int[positions + 1]), Decoding.greedy(1)))
                .hasMessageContaining("prompt of " + (positions + 1) + " tokens");
        assertThatThrownBy(() -> model.generate(List.of(new int[0]), Decoding.greedy(1)))
                .hasMessageContaining("prompt of 0 tokens");
    }

    /// 128 Ki positions and more are usual: what is not used costs nothing.
    @Test
    void positions_manyMoreThanUsed_areNotLaidOut(@TempDir Path folder) throws Exception {
        Path base = llama.folder.resolve("base");
        Files.copy(base.resolve("model.safetensors"), folder.resolve("model.safetensors"));
        Files.writeString(
                folder.resolve("config.json"),
                Files.readString(base.resolve("config.json"))
                        .replace("\"max_position_embeddings\": 256", "\"max_position_embeddings\": 2000000000"));
        int[][] longer = {new int[300]};
        try (Model wide = Model.load(folder, References.FP32)) {
            assertThat(wide.generate(prompts(), Decoding.greedy(3)))
                    .usingRecursiveComparison()
                    .isEqualTo(model.generate(prompts(), Decoding.greedy(3)));
            assertThat(wide.logits(longer, lora, adapter)).hasSize(300 * 512);
        }
    }

    @Test
    void row_endToken_endsIt() {
        Decoding.Row row = Decoding.greedy(9).rows(1, List.of(2, 7)).getFirst();
        row.take(new float[] {0, 1, 0}, 0, 3);
        assertThat(row.on()).isTrue();
        row.take(new float[] {0, 0, 1}, 0, 3);
        assertThat(row.on()).isFalse();
        row.take(new float[] {0, 1, 0}, 0, 3);
        assertThat(row.tokens()).containsExactly(1);
    }

    /// Shares of 20,000 draws from the three tokens in the middle of [#LOGITS].
    private static double[] shares(Decoding decoding) {
        SplittableRandom random = new SplittableRandom(1);
        double[] shares = new double[3];
        for (int i = 0; i < 20_000; i++) {
            shares[decoding.choose(LOGITS, 1, 3, random)] += 1 / 20_000.0;
        }
        return shares;
    }

    private static void assertShares(Decoding decoding, double... expected) {
        assertThat(shares(decoding)).containsExactly(expected, within(0.02));
    }

    @Test
    void choose_shares_followTemperatureTopKAndTopP() {
        assertShares(new Decoding(1, 1, 0, 1, 0), 0.5, 0.3, 0.2);
        assertShares(new Decoding(1, 0.5, 0, 1, 0), 0.25 / 0.38, 0.09 / 0.38, 0.04 / 0.38);
        assertShares(new Decoding(1, 1, 2, 1, 0), 0.625, 0.375, 0);
        assertShares(new Decoding(1, 1, 0, 0.75, 0), 0.625, 0.375, 0);
        assertShares(new Decoding(1, 1, 2, 0.6, 0), 1, 0, 0);
        assertShares(new Decoding(1, 1, 0, 1e-9, 0), 1, 0, 0);
        assertShares(Decoding.greedy(1), 1, 0, 0);
    }

    @Test
    void decoding_valuesOutOfRange_areNamed() {
        assertThatThrownBy(() -> new Decoding(0, 1, 0, 1, 0)).hasMessageContaining("maxTokens is 0");
        assertThatThrownBy(() -> new Decoding(1, Double.NaN, 0, 1, 0)).hasMessageContaining("temperature is NaN");
        assertThatThrownBy(() -> new Decoding(1, 1, -1, 1, 0)).hasMessageContaining("topK is -1");
        assertThatThrownBy(() -> new Decoding(1, 1, 0, 0, 0)).hasMessageContaining("topP is 0");
    }
}
