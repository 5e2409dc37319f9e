/// The federated algorithms of OpenFedLLM (Ye et al., 2024) as element-wise maths on slices of vectors.
/// Imports nothing.
@NullMarked
package dev.sotto.algorithms;

import org.jspecify.annotations.NullMarked;
