/// The chunks of one partition number each: summed, unmasked, and made the next version.
@NullMarked
package dev.sotto.coordinator.slots;

import org.jspecify.annotations.NullMarked;
