/// How coordinates, weights and scalars become ring elements, and back (protocol §4, §10).
@NullMarked
package dev.sotto.crypto.fixedpoint;

import org.jspecify.annotations.NullMarked;
