/// The organisation's Kafka clients.
@NullMarked
package dev.sotto.participant.kafka;

import org.jspecify.annotations.NullMarked;
