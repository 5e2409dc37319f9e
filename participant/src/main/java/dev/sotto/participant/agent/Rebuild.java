package dev.sotto.participant.agent;

import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.secagg.Chain;
import dev.sotto.crypto.secagg.Journal;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.SurvivorsSealed;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/// Puts into the journal what it does not know of the organisation's own messages in the log: its disk
/// was lost or set back (protocol §5, "One writer"). Without this the organisation would sign a second,
/// different message, or confirm a second set of survivors.
///
/// Used by one thread, before each message of `control` is folded.
final class Rebuild {
    private final Journal journal;
    private final Map<Bytes, List<Envelope>> own = new HashMap<>();
    private Optional<RoundOpened> opened = Optional.empty();
    private int restored;

    /// For one session.
    ///
    /// @param own what the organisation has said, verified
    Rebuild(Journal journal, List<Envelope> own) {
        this.journal = journal;
        own.forEach(envelope -> this.own
                .computeIfAbsent(envelope.transcript(), any -> new ArrayList<>())
                .add(envelope));
    }

    /// How many messages the journal lacked.
    int restored() {
        return restored;
    }

    /// What its operator lifted, which was said over the adapter's digest and not in an attempt.
    void lifts() {
        for (List<Envelope> all : own.values()) {
            for (Envelope envelope : all) {
                try {
                    if (envelope.type() == MessageType.SURVIVORS_LIFTED) {
                        SurvivorsLifted lifted = SurvivorsLifted.parse(envelope.payload());
                        if (journal.lifted(lifted.adapterDigest()).isEmpty()) {
                            journal.recordLifted(lifted);
                            restored++;
                        }
                    }
                } catch (MalformedMessage e) {
                    throw new IllegalStateException("it was verified", e);
                }
            }
        }
    }

    /// Before this record is folded on `chain`: restores what answers it.
    void before(ConsumerRecord<byte[], byte[]> record, Chain chain) {
        try {
            Envelope said = Envelope.decode(Bytes.given(record.value()));
            if (said.type() == MessageType.MODEL_KEYS) {
                return;
            }
            if (said.type() == MessageType.ROUND_OPENED) {
                opened = Optional.of(RoundOpened.parse(said.payload()));
            }
            Bytes t = RoundContext.transcript(said.type().wireName(), chain.head(), said.payload());
            if (opened.isPresent()) {
                for (Envelope answer : own.getOrDefault(t, List.of())) {
                    restore(answer, opened.get(), said);
                }
            }
        } catch (MalformedMessage e) {
            // The session says so.
        }
    }

    private void restore(Envelope answer, RoundOpened attempt, Envelope said) throws MalformedMessage {
        if (answer.type() == MessageType.PEERS_APPROVED
                || answer.type() == MessageType.SURVIVORS_LIFTED
                || journal.signed(attempt.round(), attempt.attempt()).contains(answer)) {
            return;
        }
        if (answer.type() == MessageType.SURVIVORS_CONFIRMED) {
            journal.recordConfirmed(
                    attempt.adapterDigest(),
                    SurvivorsSealed.parse(said.payload()).survivors().stream()
                            .map(NamedHash::organisation)
                            .toList());
        }
        journal.recordSigned(attempt.round(), attempt.attempt(), answer);
        restored++;
    }
}
