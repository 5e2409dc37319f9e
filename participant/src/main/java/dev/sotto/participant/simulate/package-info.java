/// A federation in one process: real training, real masking, no network.
@NullMarked
package dev.sotto.participant.simulate;

import org.jspecify.annotations.NullMarked;
