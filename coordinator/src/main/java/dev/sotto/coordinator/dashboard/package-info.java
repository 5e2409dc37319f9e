/// What people see of a federation in a browser: pure functions from the board to pages.
@NullMarked
package dev.sotto.coordinator.dashboard;

import org.jspecify.annotations.NullMarked;
