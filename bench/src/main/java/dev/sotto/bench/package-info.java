/// Benchmarks: `./sotto bench`.
@NullMarked
package dev.sotto.bench;

import org.jspecify.annotations.NullMarked;
