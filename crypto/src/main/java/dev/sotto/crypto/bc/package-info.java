/// The primitives, computed by Bouncy Castle: the only package that sees it.
@NullMarked
package dev.sotto.crypto.bc;

import org.jspecify.annotations.NullMarked;
