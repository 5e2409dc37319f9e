/// Packed vectors over Z_{2^k} and their chunks.
@NullMarked
package dev.sotto.crypto.ring;

import org.jspecify.annotations.NullMarked;
