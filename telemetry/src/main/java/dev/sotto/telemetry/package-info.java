/// Traces of rounds with OpenTelemetry.
@NullMarked
package dev.sotto.telemetry;

import org.jspecify.annotations.NullMarked;
