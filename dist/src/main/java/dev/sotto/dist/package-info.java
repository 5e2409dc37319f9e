/// What is made for the distribution from the programs' command lines.
@org.jspecify.annotations.NullMarked
package dev.sotto.dist;
