/// Secrets on disk.
@NullMarked
package dev.sotto.secrets;

import org.jspecify.annotations.NullMarked;
