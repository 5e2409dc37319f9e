/// The federation's certificate authority. Only this package of the coordinator sees Bouncy Castle.
@NullMarked
package dev.sotto.coordinator.ca;

import org.jspecify.annotations.NullMarked;
