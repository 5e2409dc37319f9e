/// The command line `sotto`.
@NullMarked
package dev.sotto.participant.cli;

import org.jspecify.annotations.NullMarked;
