/// The federation's Kafka broker on one machine: its settings, and the process that runs it.
@NullMarked
package dev.sotto.sandbox.broker;

import org.jspecify.annotations.NullMarked;
