/// Hugging Face checkpoint folders and PEFT adapters as files.
@NullMarked
package dev.sotto.training.checkpoint;

import org.jspecify.annotations.NullMarked;
