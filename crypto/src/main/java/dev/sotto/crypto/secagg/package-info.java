/// A round of secure aggregation as state machines without I/O, for both sides (protocol §5, §7).
@NullMarked
package dev.sotto.crypto.secagg;

import org.jspecify.annotations.NullMarked;
