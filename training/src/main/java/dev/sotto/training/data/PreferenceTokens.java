package dev.sotto.training.data;

import java.util.Arrays;

/// A preference as tokens: the log probability of each answer is taken after the prompt.
///
/// @param prompt   at least one
/// @param chosen   the preferred answer with its end, at least one
/// @param rejected the other
@SuppressWarnings("ArrayRecordComponent")
public record PreferenceTokens(int[] prompt, int[] chosen, int[] rejected) {
    /// Cuts as TRL's `DPOTrainer` does with `truncation_mode="keep_end"` (0.7 to 0.11, what OpenFedLLM uses): if the
    /// prompt and the longer answer are more than `maxTokens`, the prompt keeps its last `maxPromptTokens`; if they
    /// still are, both answers keep their first `maxTokens − maxPromptTokens`. TRL's defaults are 512 and 128.
    ///
    /// @throws IllegalArgumentException unless 0 &lt; maxPromptTokens &lt; maxTokens
    public PreferenceTokens truncated(int maxTokens, int maxPromptTokens) {
        if (maxPromptTokens < 1 || maxPromptTokens >= maxTokens) {
            throw new IllegalArgumentException("at most " + maxPromptTokens + " tokens of prompt of " + maxTokens
                    + " in all, must be at least 1 and less than all");
        }
        int longer = Math.max(chosen.length, rejected.length);
        if (prompt.length + longer <= maxTokens) {
            return this;
        }
        int[] shorter = Arrays.copyOfRange(prompt, Math.max(0, prompt.length - maxPromptTokens), prompt.length);
        if (shorter.length + longer <= maxTokens) {
            return new PreferenceTokens(shorter, chosen, rejected);
        }
        int room = maxTokens - maxPromptTokens;
        return new PreferenceTokens(
                shorter,
                Arrays.copyOf(chosen, Math.min(chosen.length, room)),
                Arrays.copyOf(rejected, Math.min(rejected.length, room)));
    }

    /// The prompt with the chosen answer, or the rejected one, with the answer as targets.
    public Labelled labelled(boolean preferred) {
        int[] answer = preferred ? chosen : rejected;
        int[] tokens = Arrays.copyOf(prompt, prompt.length + answer.length);
        System.arraycopy(answer, 0, tokens, prompt.length, answer.length);
        return Labelled.after(prompt.length, tokens);
    }
}
