package dev.sotto.training.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Datasets;
import dev.sotto.training.data.Labelled;
import dev.sotto.training.data.PreferenceTokens;
import dev.sotto.training.djl.Objective;
import dev.sotto.training.djl.Tokenizer;
import dev.sotto.training.djl.TrainingSet;
import dev.sotto.training.template.Sequences;
import dev.sotto.training.template.Template;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// From files to what a trainer takes, with the demo's own checkpoint.
class RecipeTest {
    private static final Path BASE = Path.of("../models/sotto-demo-base");

    @TempDir
    Path folder = Path.of("");

    private Tokenizer tokenizer;

    @BeforeEach
    void open() throws Exception {
        tokenizer = Tokenizer.load(BASE);
    }

    @AfterEach
    void close() {
        tokenizer.close();
    }

    private Sequences sequences(String template) throws Exception {
        return new Sequences(Template.named(template, BASE), tokenizer);
    }

    private Path file(String content) throws Exception {
        return Files.writeString(folder.resolve("data.jsonl"), content);
    }

    /// Token by token as OpenFedLLM's template has it: begin token, prompt, and loss on the answer with its end.
    @Test
    void supervised_alpaca_learnsTheAnswerAndItsEnd() throws Exception {
        Corpus<?> corpus = Corpus.read(
                new Recipe.Supervised(200, false),
                List.of(file("{\"instruction\": \"Say dog.\", \"output\": \"dog\"}\n")),
                Datasets.mapping(Datasets.DEFAULT),
                false);
        TrainingSet<?> set = corpus.trainingSet(sequences("alpaca"), 256).orElseThrow();
        assertThat(set.objective()).isInstanceOf(Objective.Supervised.class);
        Labelled only = (Labelled) set.examples().getFirst();
        List<Integer> learned = new ArrayList<>();
        for (int target : only.targets()) {
            if (target != Batch.IGNORE) {
                learned.add(target);
            }
        }
        int[] answer = tokenizer.encode(" dog</s>").ids();
        assertThat(only.tokens()[0]).isZero();
        assertThat(only.tokens()).endsWith(answer);
        assertThat(learned.stream().mapToInt(token -> token).toArray()).isEqualTo(answer);
        assertThat(tokenizer.decode(only.tokens()))
                .isEqualTo("Below is an instruction that describes a task. Write a response that appropriately"
                        + " completes the request.\n\n### Instruction:\nSay dog. \n\n### Response: dog");
    }

    @Test
    void supervised_packing_putsSequencesTogether() throws Exception {
        Path data = file("{\"instruction\": \"Say dog.\", \"output\": \"dog\"}\n".repeat(6));
        TrainingSet<?> set = Corpus.read(
                        new Recipe.Supervised(256, true), List.of(data), Datasets.mapping(Datasets.DEFAULT), false)
                .trainingSet(sequences("vicuna"), 256)
                .orElseThrow();
        assertThat(set.objective()).isInstanceOf(Objective.Packed.class);
        assertThat(set.examples()).hasSizeLessThan(6);
    }

    @Test
    void supervised_promptThatFillsAllTokens_leavesNothing() throws Exception {
        Path data = file("{\"instruction\": \"Say dog.\", \"output\": \"dog\"}\n");
        assertThat(Corpus.read(
                                new Recipe.Supervised(200, false),
                                List.of(data),
                                Datasets.mapping(Datasets.DEFAULT),
                                false)
                        .trainingSet(sequences("alpaca"), 8))
                .isEmpty();
    }

    @Test
    void directPreference_pairs_areCutToTheModel() throws Exception {
        Path data =
                file("{\"prompt\": \"Say dog.\", \"chosen\": \"dog\", \"rejected\": \"" + "cat ".repeat(200) + "\"}\n");
        Path mapping = Files.writeString(folder.resolve("pairs.yaml"), "kind: preference\n");
        Recipe.DirectPreference recipe = new Recipe.DirectPreference(0.1, 512, 128);
        TrainingSet<?> set = Corpus.read(recipe, List.of(data), Datasets.mapping(mapping), false)
                .trainingSet(sequences("vicuna"), 64)
                .orElseThrow();
        assertThat(set.objective()).isEqualTo(new Objective.DirectPreference(0.1));
        PreferenceTokens pair = (PreferenceTokens) set.examples().getFirst();
        assertThat(pair.prompt().length + pair.rejected().length).isLessThanOrEqualTo(64);
        assertThat(pair.chosen()).isEqualTo(tokenizer.encode(" dog</s>").ids());
    }

    @Test
    void read_dataOfTheOtherKind_isRefused() throws Exception {
        Path data = file("{\"prompt\": \"p\", \"chosen\": \"a\", \"rejected\": \"b\"}\n");
        assertThatThrownBy(() -> Corpus.read(
                        new Recipe.DirectPreference(0.1, 64, 32), List.of(data), Datasets.mapping("alpaca"), false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the data set holds conversations, not preferences");
    }

    @Test
    void template_unknownName_saysWhichThereAre() {
        assertThatThrownBy(() -> Template.named("llama", BASE))
                .hasMessage("template is 'llama', must be one of [alpaca, vicuna, chat]");
    }
}
