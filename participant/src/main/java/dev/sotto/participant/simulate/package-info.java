/// Experiments: federations of any size in one process, with real training and, if asked, real masking; no network.
@NullMarked
package dev.sotto.participant.simulate;

import org.jspecify.annotations.NullMarked;
