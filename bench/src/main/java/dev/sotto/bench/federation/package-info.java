/// A whole federation under load: the real broker and coordinator, and many members that skip training.
@NullMarked
package dev.sotto.bench.federation;

import org.jspecify.annotations.NullMarked;
