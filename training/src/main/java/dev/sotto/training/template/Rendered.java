package dev.sotto.training.template;

import java.util.List;

/// A conversation as text.
///
/// @param text    the whole of it, special tokens written out
/// @param learned the parts that carry loss, ascending, not overlapping
public record Rendered(String text, List<Span> learned) {
    /// A part of a text.
    ///
    /// @param start its first `char`
    /// @param end   the first `char` behind it
    public record Span(int start, int end) {}

    /// Copies the list.
    public Rendered {
        learned = List.copyOf(learned);
    }
}
