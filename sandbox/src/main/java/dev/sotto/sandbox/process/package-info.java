/// Child processes: started, watched, and never left behind.
@NullMarked
package dev.sotto.sandbox.process;

import org.jspecify.annotations.NullMarked;
