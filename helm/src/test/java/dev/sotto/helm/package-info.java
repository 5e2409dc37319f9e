/// The charts, rendered by Helm itself and read back.
@NullMarked
package dev.sotto.helm;

import org.jspecify.annotations.NullMarked;
