/// Topics, access rules, and the logs that the coordinator reads and writes.
@NullMarked
package dev.sotto.coordinator.kafka;

import org.jspecify.annotations.NullMarked;
