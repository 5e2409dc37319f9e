package dev.sotto.training.evaluation;

import java.util.List;

/// What an evaluation asks of a model. One thread at a time.
public interface LanguageModel {
    /// A text whose likelihood after another is asked for.
    ///
    /// @param prompt       special tokens written out; may be empty: the model's begin token comes first
    /// @param continuation not empty
    /// @param begins       whether the prompt writes out its own begin token
    record Continuation(String prompt, String continuation, boolean begins) {}

    /// How likely a continuation is.
    ///
    /// @param logProbability Σ log p of its tokens, each after all before it, in nats
    /// @param tokens         how many it has
    /// @param greedy         whether each is the most probable one
    record Likelihood(double logProbability, int tokens, boolean greedy) {}

    /// How to generate.
    ///
    /// @param maxTokens   most tokens of an answer
    /// @param stop        texts at whose first occurrence an answer ends, which are not part of it
    /// @param temperature 0 takes the most probable token
    /// @param seed        of the sampling
    record Decoding(int maxTokens, List<String> stop, double temperature, long seed) {}

    /// A text to continue.
    ///
    /// @param text   special tokens written out
    /// @param begins whether it writes out its own begin token
    record Prompt(String text, boolean begins) {}

    /// The likelihoods, in the order of the continuations. A prompt that is too long loses its beginning, never
    /// its end; prompt and continuation are tokenised together.
    List<Likelihood> likelihoods(List<Continuation> continuations);

    /// The answers, in the order of the prompts, without what ends them and without special tokens. A prompt that
    /// is too long loses its beginning.
    List<String> answers(List<Prompt> prompts, Decoding decoding);
}
