/// The model on DJL's PyTorch engine: the only package that sees `ai.djl`.
@NullMarked
package dev.sotto.training.djl;

import org.jspecify.annotations.NullMarked;
