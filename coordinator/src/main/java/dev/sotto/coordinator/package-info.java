/// The coordinator's commands: `init` makes a federation's folder, `run` serves it.
@NullMarked
package dev.sotto.coordinator;

import org.jspecify.annotations.NullMarked;
