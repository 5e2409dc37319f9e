/// From data files to what a trainer takes: the one way that commands, members and simulations share.
@NullMarked
package dev.sotto.training.recipe;

import org.jspecify.annotations.NullMarked;
