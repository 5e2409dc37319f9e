/// How the sandbox fails: one sentence and an exit code.
@NullMarked
package dev.sotto.sandbox.failure;

import org.jspecify.annotations.NullMarked;
