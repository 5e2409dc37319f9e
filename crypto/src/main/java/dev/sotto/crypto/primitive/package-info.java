/// Secrets, randomness and the cryptographic primitives of protocol §3, without the library that computes
/// them.
@NullMarked
package dev.sotto.crypto.primitive;

import org.jspecify.annotations.NullMarked;
