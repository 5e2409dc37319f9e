/// Differential privacy of the records that training reads: DP-SGD and what it costs. Knows no model.
@NullMarked
package dev.sotto.training.privacy;

import org.jspecify.annotations.NullMarked;
