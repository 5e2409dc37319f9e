/// HTTPS: enrolment, administration, readiness.
@NullMarked
package dev.sotto.coordinator.rest;

import org.jspecify.annotations.NullMarked;
