/// Examples that `docs/java-api.md` shows: what it shows is this text, and tests run it.
@NullMarked
package dev.sotto.training.examples;

import org.jspecify.annotations.NullMarked;
