/// Shamir's secret sharing over GF(2^8).
@NullMarked
package dev.sotto.crypto.shamir;

import org.jspecify.annotations.NullMarked;
