/// Invites, and how an organisation becomes a member or ceases to be one.
@NullMarked
package dev.sotto.coordinator.enrolment;

import org.jspecify.annotations.NullMarked;
