/// The folder of a federation: `federation.yaml`, keys and certificates.
@NullMarked
package dev.sotto.coordinator.settings;

import org.jspecify.annotations.NullMarked;
