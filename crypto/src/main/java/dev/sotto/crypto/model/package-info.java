/// Model versions: chunks, digests, encryption, and version 0 from a public seed.
@NullMarked
package dev.sotto.crypto.model;

import org.jspecify.annotations.NullMarked;
