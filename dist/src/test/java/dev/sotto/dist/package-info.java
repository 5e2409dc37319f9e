@org.jspecify.annotations.NullMarked
package dev.sotto.dist;
