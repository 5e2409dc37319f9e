package dev.sotto.coordinator;

import dev.sotto.coordinator.director.RoundDirector;
import dev.sotto.coordinator.enrolment.Acts;
import dev.sotto.coordinator.enrolment.Enrolment;
import dev.sotto.coordinator.enrolment.Invites;
import dev.sotto.coordinator.kafka.Writer;

/// What only the replica that directs does, with the one writer that it has taken over.
///
/// @param writer    fences the one of the term before, wherever that was
/// @param director  the rounds
/// @param invites   who may enrol
/// @param acts      who did what
/// @param enrolment how they do
record Term(Writer writer, RoundDirector director, Invites invites, Acts acts, Enrolment enrolment)
        implements AutoCloseable {
    @Override
    public void close() {
        director.close();
        writer.close();
    }
}
