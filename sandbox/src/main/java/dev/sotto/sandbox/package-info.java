/// The commands of the sandbox: `demo`, a whole federation on one machine, and `broker`, its Kafka
/// broker.
@NullMarked
package dev.sotto.sandbox;

import org.jspecify.annotations.NullMarked;
