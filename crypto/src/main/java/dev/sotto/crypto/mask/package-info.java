/// The key derivations of a round (protocol §3, table) and the mask stream.
@NullMarked
package dev.sotto.crypto.mask;

import org.jspecify.annotations.NullMarked;
