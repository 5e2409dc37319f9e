package dev.sotto.training;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import dev.sotto.training.checkpoint.BpeTrainer;
import dev.sotto.training.data.Conversation;
import dev.sotto.training.demo.DemoText;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.Pretrainer;
import dev.sotto.training.djl.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The demo's data and base model, made small.
class DemoTest {
    private static final List<String> ORGANISATIONS = List.of("bank", "clinic", "insurer", "ministry");

    @Test
    void split_evaluationInstructions_neverOccurInTraining() {
        DemoText.Split split = DemoText.split(ORGANISATIONS, 300, 5);
        Set<Conversation> seen = new HashSet<>();
        split.training().values().forEach(seen::addAll);
        assertThat(split.training()).containsOnlyKeys(ORGANISATIONS);
        assertThat(split.evaluation()).hasSizeGreaterThan(80).doesNotContainAnyElementsOf(seen);
        assertThat(split.evaluation())
                .extracting(DemoTest::instruction)
                .doesNotContainAnyElementsOf(
                        seen.stream().map(DemoTest::instruction).toList());
    }

    private static String instruction(Conversation example) {
        return example.messages().getFirst().content();
    }

    @Test
    void split_sameSeed_isTheSame() {
        assertThat(DemoText.split(ORGANISATIONS, 50, 3)).isEqualTo(DemoText.split(ORGANISATIONS, 50, 3));
        assertThat(DemoText.split(ORGANISATIONS, 50, 3)).isNotEqualTo(DemoText.split(ORGANISATIONS, 50, 4));
    }

    /// Departments are asked for in their own words only: whoever has no such line cannot have learned
    /// the category.
    @Test
    void split_noOrganisation_hasEveryCategory() {
        DemoText.split(ORGANISATIONS, 200, 1).training().forEach((organisation, examples) -> {
            boolean plural =
                    examples.stream().anyMatch(example -> instruction(example).contains("lural"));
            boolean opposite =
                    examples.stream().anyMatch(example -> instruction(example).contains("pposite"));
            boolean place =
                    examples.stream().anyMatch(example -> instruction(example).contains("place"));
            assertThat(plural && opposite && place).as(organisation).isFalse();
        });
    }

    @Test
    void bpe_anyText_roundTripsThroughTheLibrary(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("tokenizer.json");
        BpeTrainer.train(List.of("low lower lowest low", "newer newest wider"), 300, file);
        String first = Files.readString(file);
        BpeTrainer.train(List.of("low lower lowest low", "newer newest wider"), 300, file);
        assertThat(Files.readString(file)).isEqualTo(first);
        try (var tokenizer = HuggingFaceTokenizer.newInstance(file, Map.of("addSpecialTokens", "false"))) {
            for (String text : List.of("lower newest", "Größe: 3 €\n\tend", "日本")) {
                assertThat(tokenizer.decode(tokenizer.encode(text).getIds())).isEqualTo(text);
            }
            assertThat(tokenizer.encode("low").getIds()).hasSize(1);
        }
    }

    @Test
    void pretrain_fewSteps_learnsAndWritesACheckpoint(@TempDir Path folder) throws Exception {
        List<Double> losses = new ArrayList<>();
        Pretrainer.run(folder, Pretrainer.Text.DEMO, 12, 1, step -> losses.add(step.loss()));
        assertThat(losses.getLast()).isLessThan(losses.getFirst() - 0.5);
        try (Model model = Model.load(folder);
                Tokenizer tokenizer = Tokenizer.load(folder)) {
            assertThat(tokenizer.beginToken()).isEqualTo(model.config().beginToken());
        }
    }
}
