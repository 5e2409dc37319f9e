/// Evaluation tasks: YAML files that say what to ask of which data and how to score it, and the scores.
@NullMarked
package dev.sotto.training.evaluation;

import org.jspecify.annotations.NullMarked;
