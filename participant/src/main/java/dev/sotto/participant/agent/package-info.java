/// The organisation in rounds: reads the log, trains, masks, sends, verifies.
@NullMarked
package dev.sotto.participant.agent;

import org.jspecify.annotations.NullMarked;
