/// The language of the demo: a small world of words, text about it for pretraining, and instructions that
/// differ by organisation.
@NullMarked
package dev.sotto.training.demo;

import org.jspecify.annotations.NullMarked;
