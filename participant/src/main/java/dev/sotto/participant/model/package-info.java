/// What base model and adapter look like on the wire.
@NullMarked
package dev.sotto.participant.model;

import org.jspecify.annotations.NullMarked;
