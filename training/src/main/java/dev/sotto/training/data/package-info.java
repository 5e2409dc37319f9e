/// Instruction data: reading it, the prompt template, batches.
@NullMarked
package dev.sotto.training.data;

import org.jspecify.annotations.NullMarked;
