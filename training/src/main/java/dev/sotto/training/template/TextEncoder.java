package dev.sotto.training.template;

import java.util.Arrays;

/// A model's tokenizer, as far as training data needs it.
public interface TextEncoder {
    /// The tokens of a text: special tokens recognised where they are written out, and nothing added before or
    /// behind.
    Tokens encode(String text);

    /// The tokens of a text after another one: those that follow when both are tokenised together. If their seam
    /// is within a token, it is tokenised apart, so that every continuation of a prompt follows the same tokens.
    default int[] continuation(String prompt, String continuation) {
        int[] before = encode(prompt).ids();
        int[] all = encode(prompt + continuation).ids();
        return all.length >= before.length && Arrays.equals(all, 0, before.length, before, 0, before.length)
                ? Arrays.copyOfRange(all, before.length, all.length)
                : encode(continuation).ids();
    }

    /// The token that the tokenizer puts before every text, or −1 if it puts none.
    int beginToken();

    /// Tokens and where each stands in the text.
    ///
    /// @param ids    one per token
    /// @param starts index of the first `char` of each, as [String#substring] counts; tokens that are parts
    ///   of one character have the same
    /// @param ends   index behind the last `char` of each
    @SuppressWarnings("ArrayRecordComponent")
    record Tokens(int[] ids, int[] starts, int[] ends) {
        /// Checks the lengths.
        public Tokens {
            if (starts.length != ids.length || ends.length != ids.length) {
                throw new IllegalArgumentException(
                        ids.length + " tokens must have as many places, have " + starts.length + " and " + ends.length);
            }
        }
    }
}
