/// How an organisation becomes a member. Only this package of the participant sees Bouncy Castle.
@NullMarked
package dev.sotto.participant.enrolment;

import org.jspecify.annotations.NullMarked;
