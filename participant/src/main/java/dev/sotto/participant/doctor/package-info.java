/// What keeps an organisation from taking part, and what to do about it.
@NullMarked
package dev.sotto.participant.doctor;

import org.jspecify.annotations.NullMarked;
