/// From conversations and preferences to text with the parts to learn, and from text to tokens, sequences and
/// packed rows.
@NullMarked
package dev.sotto.training.template;

import org.jspecify.annotations.NullMarked;
