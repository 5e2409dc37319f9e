/// A whole federation from data to report, as `sotto demo` runs it.
@NullMarked
package dev.sotto.sandbox.demo;

import org.jspecify.annotations.NullMarked;
