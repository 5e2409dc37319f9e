package dev.sotto.training.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// Metrics against figures computed elsewhere (`evaluation/scores.py`) and by hand.
class ScoreVectorTest {
    static JsonNode vectors(String name) {
        try {
            JsonNode all = new ObjectMapper()
                    .readTree(
                            Path.of("src/test/resources/evaluation/scores.json").toFile());
            assertThat(all.path(name)).isNotEmpty();
            return all.path(name);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static List<String> texts(JsonNode list) {
        List<String> texts = new ArrayList<>();
        list.forEach(text -> texts.add(text.asText()));
        return texts;
    }

    @Test
    void labels_accuracyAndF1_areTheDefinitions() {
        for (JsonNode one : vectors("labels")) {
            Labels labels = Labels.of(texts(one.path("truth")), texts(one.path("predicted")));
            assertThat(labels.accuracy()).isCloseTo(one.path("accuracy").asDouble(), within(1e-12));
            assertThat(labels.macroF1())
                    .as("%s", one)
                    .isCloseTo(one.path("macroF1").asDouble(), within(1e-12));
            assertThat(labels.weightedF1()).isCloseTo(one.path("weightedF1").asDouble(), within(1e-12));
        }
    }

    /// By hand: p has 1 of 2 right and 1 of 2 claimed right, F1 1/2; n none, 0; u all, 1.
    @Test
    void labels_byHand_areRight() {
        Labels labels = Labels.of(List.of("p", "n", "u", "p"), List.of("p", "p", "u", "n"));
        assertThat(labels.accuracy()).isEqualTo(0.5);
        assertThat(labels.macroF1()).isCloseTo(0.5, within(1e-15));
        assertThat(labels.weightedF1()).isCloseTo((2 * 0.5 + 0 + 1) / 4, within(1e-15));
    }

    @Test
    void drop_exactMatchAndF1_areTheOfficialScriptsSteps() {
        int exact = 0;
        for (JsonNode one : vectors("drop")) {
            Drop score = Drop.of(texts(one.path("predicted")), texts(one.path("gold")));
            assertThat(score.exact()).as("%s", one).isEqualTo(one.path("exact").asBoolean());
            assertThat(score.f1()).as("%s", one).isEqualTo(one.path("f1").asDouble());
            exact += score.exact() ? 1 : 0;
        }
        assertThat(exact).isGreaterThan(3);
    }

    @Test
    void drop_severalReferences_takeTheBest() {
        assertThat(Drop.best(List.of("4"), List.of(List.of("5"), List.of("4.0"))))
                .isEqualTo(new Drop(true, 1));
        assertThat(Drop.best(List.of("red fox"), List.of(List.of("blue fox"), List.of(" "))))
                .isEqualTo(new Drop(false, 0.5));
    }

    @Test
    void extraction_afterHashes_isGsm8ksOwn() {
        for (JsonNode one : vectors("hashes")) {
            assertThat(Extraction.AFTER_HASHES.from(one.path("text").asText()))
                    .as("%s", one)
                    .isEqualTo(Optional.ofNullable(one.path("answer").asText(null)));
        }
    }

    @Test
    void extraction_others_findTheAnswer() {
        assertThat(Extraction.LAST_NUMBER.from("First 3, then $1,234.50.")).contains("1234.50");
        assertThat(Extraction.LAST_NUMBER.from("It is -7.")).contains("-7");
        assertThat(Extraction.LAST_NUMBER.from("none")).isEmpty();
        assertThat(Extraction.ANSWER_IS.from("Let us see. So the answer is (B).\nQ: the answer is C."))
                .contains("(B)");
        assertThat(Extraction.ANSWER_IS.from("I think (B)")).isEmpty();
        assertThat(Extraction.BOXED.from("\\boxed{1} and \\boxed{\\frac{1}{2}} done"))
                .contains("\\frac{1}{2}");
        assertThat(Extraction.BOXED.from("\\boxed{1")).isEmpty();
        assertThat(Extraction.WHOLE.from(" a b\n")).contains("a b");
    }
}
