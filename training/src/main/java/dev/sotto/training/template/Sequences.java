package dev.sotto.training.template;

import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Conversation;
import dev.sotto.training.data.Labelled;
import dev.sotto.training.data.Preference;
import dev.sotto.training.data.PreferenceTokens;
import dev.sotto.training.template.TextEncoder.Tokens;
import java.util.Arrays;
import java.util.Optional;

/// Token sequences of conversations and preferences.
///
/// A text is tokenised whole, so that no token differs from what the model sees when it answers. A token
/// carries loss if it begins in a part to learn; one that reaches into such a part from before it does not.
///
/// @param template how conversations are written
/// @param encoder  the model's tokenizer
public record Sequences(Template template, TextEncoder encoder) {
    /// A conversation. Longer ones are cut at the end; nothing, if no token to learn is left then.
    ///
    /// @param maxTokens at least 2
    /// @throws TemplateRefused if the template cannot write it
    public Optional<Labelled> labelled(Conversation conversation, int maxTokens) throws TemplateRefused {
        Rendered rendered = template.render(conversation);
        Tokens encoded = encoder.encode(rendered.text());
        int[] begin = begin();
        int length = Math.min(begin.length + encoded.ids().length, maxTokens);
        int[] tokens = new int[length];
        int[] targets = new int[length];
        Arrays.fill(targets, Batch.IGNORE);
        System.arraycopy(begin, 0, tokens, 0, begin.length);
        for (int at = begin.length; at < length; at++) {
            int start = encoded.starts()[at - begin.length];
            tokens[at] = encoded.ids()[at - begin.length];
            if (at > 0 && rendered.learned().stream().anyMatch(span -> span.start() <= start && start < span.end())) {
                targets[at - 1] = tokens[at];
            }
        }
        return length == 0
                ? Optional.empty()
                : Optional.of(new Labelled(tokens, targets)).filter(sequence -> sequence.counted() > 0);
    }

    /// A preference, not cut: see [PreferenceTokens#truncated].
    ///
    /// Answers are tokenised as continuations of the prompt: see [TextEncoder#continuation].
    ///
    /// @throws TemplateRefused if the template cannot write it, or there is nothing before the answers
    public PreferenceTokens preference(Preference preference) throws TemplateRefused {
        Template.Turn chosen = template.turn(preference.prompt(), preference.chosen());
        Template.Turn rejected = template.turn(preference.prompt(), preference.rejected());
        int[] prompt = encoder.encode(chosen.prompt()).ids();
        int[] begin = begin();
        int[] whole = Arrays.copyOf(begin, begin.length + prompt.length);
        System.arraycopy(prompt, 0, whole, begin.length, prompt.length);
        if (whole.length == 0) {
            throw new TemplateRefused("there is nothing before the answers, must be at least one token");
        }
        return new PreferenceTokens(
                whole,
                encoder.continuation(chosen.prompt(), chosen.answer()),
                encoder.continuation(rejected.prompt(), rejected.answer()));
    }

    private int[] begin() {
        return template.begins() || encoder.beginToken() < 0 ? new int[0] : new int[] {encoder.beginToken()};
    }
}
