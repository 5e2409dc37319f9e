/// Pictures of figures.
@NullMarked
package dev.sotto.training.chart;

import org.jspecify.annotations.NullMarked;
