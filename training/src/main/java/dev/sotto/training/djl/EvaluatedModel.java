package dev.sotto.training.djl;

import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Labelled;
import dev.sotto.training.evaluation.LanguageModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// A model as evaluations ask it, with an adapter or without one. One thread at a time; closing is the
/// caller's.
///
/// @param model     the base
/// @param tokenizer of the same checkpoint
/// @param adapter   or nothing: the base model alone
public record EvaluatedModel(Model model, Tokenizer tokenizer, Optional<PeftFiles.Adapter> adapter)
        implements LanguageModel {
    @Override
    public List<Likelihood> likelihoods(List<Continuation> continuations) {
        List<Labelled> sequences = new ArrayList<>();
        List<Integer> counts = new ArrayList<>();
        for (Continuation asked : continuations) {
            int[] continuation = tokenizer.continuation(asked.prompt(), asked.continuation());
            int[] prompt = preceding(asked.prompt(), asked.begins());
            int most = model.config().positions();
            int kept = Math.clamp(most - continuation.length, 1, prompt.length);
            int[] tokens = Arrays.copyOf(
                    Arrays.copyOfRange(prompt, prompt.length - kept, prompt.length), kept + continuation.length);
            System.arraycopy(continuation, 0, tokens, kept, continuation.length);
            sequences.add(Labelled.after(kept, tokens.length <= most ? tokens : Arrays.copyOf(tokens, most)));
            counts.add(sequences.getLast().counted());
        }
        Model.Score score = score(Batch.of(sequences, model.config().padToken()));
        List<Likelihood> likelihoods = new ArrayList<>();
        for (int i = 0; i < sequences.size(); i++) {
            likelihoods.add(new Likelihood(score.logProbabilities()[i], counts.get(i), score.correct()[i]));
        }
        return likelihoods;
    }

    private Model.Score score(Batch batch) {
        return adapter.map(used -> model.score(batch, used.lora(), used.vector()))
                .orElseGet(() -> model.score(batch));
    }

    /// The tokens before an answer, at least one: where nothing else precedes it, the end token does, which
    /// separates texts in pretraining.
    private int[] preceding(String prompt, boolean begins) {
        int[] tokens = tokenizer.encode(prompt).ids();
        int begin = begins ? -1 : tokenizer.beginToken();
        if (begin < 0 && tokens.length == 0) {
            begin = Math.max(0, model.config().endToken());
        }
        if (begin < 0) {
            return tokens;
        }
        int[] whole = new int[tokens.length + 1];
        whole[0] = begin;
        System.arraycopy(tokens, 0, whole, 1, tokens.length);
        return whole;
    }

    @Override
    public List<String> answers(List<Prompt> prompts, Decoding decoding) {
        return generate(
                prompts,
                decoding.stop(),
                new dev.sotto.training.djl.Decoding(
                        decoding.maxTokens(), decoding.temperature(), 0, 1, decoding.seed()));
    }

    /// The same with every way of decoding.
    ///
    /// @param stop texts at whose first occurrence an answer ends, which are not part of it
    public List<String> generate(List<Prompt> prompts, List<String> stop, dev.sotto.training.djl.Decoding decoding) {
        int room = Math.max(1, model.config().positions() - decoding.maxTokens());
        List<int[]> tokens = prompts.stream()
                .map(prompt -> preceding(prompt.text(), prompt.begins()))
                .map(all -> Arrays.copyOfRange(all, Math.max(0, all.length - room), all.length))
                .toList();
        List<int[]> made = adapter.map(used -> model.generate(tokens, decoding, used.lora(), used.vector()))
                .orElseGet(() -> model.generate(tokens, decoding));
        return made.stream().map(tokenizer::decode).map(text -> cut(text, stop)).toList();
    }

    private static String cut(String text, List<String> stop) {
        int end = stop.stream()
                .mapToInt(text::indexOf)
                .filter(at -> at >= 0)
                .min()
                .orElse(text.length());
        return text.substring(0, end);
    }
}
