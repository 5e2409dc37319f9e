/// What a monitoring system reads of a federation.
@NullMarked
package dev.sotto.coordinator.metrics;

import org.jspecify.annotations.NullMarked;
