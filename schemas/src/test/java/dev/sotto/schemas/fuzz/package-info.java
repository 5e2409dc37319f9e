/// What the fuzz tests of every module share: targets, their corpus, mutations, and the entry for Jazzer.
@NullMarked
package dev.sotto.schemas.fuzz;

import org.jspecify.annotations.NullMarked;
