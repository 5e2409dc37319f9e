package dev.sotto.training.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.evaluation.LanguageModel;
import dev.sotto.training.evaluation.LanguageModel.Continuation;
import dev.sotto.training.evaluation.LanguageModel.Likelihood;
import dev.sotto.training.evaluation.LanguageModel.Prompt;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/// What an evaluation is told of a model is what the model says of the tokens.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EvaluatedModelTest {
    private final References.Reference llama = References.llama();
    private final Tokenizer tokenizer = tokenizer();
    private final EvaluatedModel base = new EvaluatedModel(llama.model, tokenizer, Optional.empty());

    private static Tokenizer tokenizer() {
        try {
            return Tokenizer.load(Path.of("src/test/resources/llama/base"));
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @AfterAll
    void close() {
        tokenizer.close();
        llama.close();
    }

    private double[] logProbabilities(int[] tokens, float[] logits) {
        int vocabulary = llama.model.config().vocabulary();
        double[] all = new double[tokens.length - 1];
        for (int at = 0; at < all.length; at++) {
            double sum = 0;
            for (int i = 0; i < vocabulary; i++) {
                sum += Math.exp(logits[at * vocabulary + i]);
            }
            all[at] = logits[at * vocabulary + tokens[at + 1]] - Math.log(sum);
        }
        return all;
    }

    @Test
    void likelihoods_ofContinuations_areSumsOverTheirTokens() {
        PeftFiles.Adapter adapter = llama.adapter;
        EvaluatedModel adapted = new EvaluatedModel(llama.model, tokenizer, Optional.of(adapter));
        List<Continuation> asked = List.of(
                new Continuation("the model of", " the data", false),
                new Continuation("a longer prompt to", " x", false));
        List<Likelihood> likelihoods = adapted.likelihoods(asked);
        for (int i = 0; i < asked.size(); i++) {
            int[] tokens = tokenizer
                    .encode(asked.get(i).prompt() + asked.get(i).continuation())
                    .ids();
            int prompt = tokenizer.encode(asked.get(i).prompt()).ids().length;
            double[] all = logProbabilities(
                    tokens,
                    llama.model.logits(new int[][] {tokens}, adapter.lora().withoutDropout(), adapter.vector()));
            double expected = Arrays.stream(all, prompt - 1, all.length).sum();
            assertThat(likelihoods.get(i).logProbability()).isCloseTo(expected, within(1e-3));
            assertThat(likelihoods.get(i).tokens()).isEqualTo(tokens.length - prompt);
        }
        assertThat(base.likelihoods(asked).getFirst().logProbability())
                .isNotCloseTo(likelihoods.getFirst().logProbability(), within(1e-4));
    }

    /// Without prompt and begin token the end token precedes, as in lm-eval.
    @Test
    void likelihoods_emptyPrompt_countEveryToken() {
        assertThat(tokenizer.beginToken()).isEqualTo(-1);
        Likelihood one = base.likelihoods(List.of(new Continuation("", "the data", false)))
                .getFirst();
        assertThat(one.tokens()).isEqualTo(tokenizer.encode("the data").ids().length);
        assertThat(one.logProbability()).isNegative();
    }

    @Test
    void likelihoods_longPrompt_losesItsBeginning() {
        String words = "one two three four five six seven eight ".repeat(60);
        int positions = llama.model.config().positions();
        int[] tail = tokenizer.encode(words).ids();
        assertThat(tail.length).isGreaterThan(positions);
        Likelihood made =
                base.likelihoods(List.of(new Continuation(words, "end", false))).getFirst();
        int[] answer = tokenizer.continuation(words, "end");
        int[] tokens = Arrays.copyOfRange(tail, tail.length - (positions - answer.length), tail.length + answer.length);
        System.arraycopy(answer, 0, tokens, positions - answer.length, answer.length);
        double[] all = logProbabilities(
                tokens,
                llama.model.logits(
                        new int[][] {tokens},
                        llama.adapter.lora().withoutDropout(),
                        new float[llama.adapter.vector().length]));
        assertThat(made.logProbability())
                .isCloseTo(
                        Arrays.stream(all, all.length - answer.length, all.length)
                                .sum(),
                        within(1e-3));
    }

    @Test
    void answers_stopText_isCutOff() {
        LanguageModel.Decoding plain = new LanguageModel.Decoding(12, List.of(), 0, 1);
        List<Prompt> prompts = List.of(new Prompt("the model of", false), new Prompt("a", false));
        List<String> whole = base.answers(prompts, plain);
        assertThat(whole).hasSize(2).allMatch(answer -> !answer.isEmpty());
        assertThat(base.answers(prompts.subList(1, 2), plain)).containsExactly(whole.get(1));
        String stop = whole.getFirst().substring(3, 5);
        assertThat(base.answers(prompts, new LanguageModel.Decoding(12, List.of(stop, "never"), 0, 1))
                        .getFirst())
                .isEqualTo(whole.getFirst().substring(0, whole.getFirst().indexOf(stop)));
    }
}
