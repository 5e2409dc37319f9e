/// The agent that ends a child process when its parent is gone.
@NullMarked
package dev.sotto.sandbox.leash;

import org.jspecify.annotations.NullMarked;
