/// Rounds: what is decided, what is summed, what is published, and what an operator sees of it.
@NullMarked
package dev.sotto.coordinator.director;

import org.jspecify.annotations.NullMarked;
