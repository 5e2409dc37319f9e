package dev.sotto.coordinator.slots;

import dev.sotto.crypto.secagg.Director;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Decided;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.RoundAborted;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/// The log `leader`, as whoever folds it reads it.
public final class Decisions {
    private Decisions() {}

    /// Where the attempt begins that has not ended, or ended with a complaint that is not judged; else the
    /// log's size.
    public static int openAttempt(List<ConsumerRecord<byte[], byte[]>> log) throws MalformedMessage {
        int open = log.size();
        for (int i = 0; i < log.size(); i++) {
            Decided decided = Decided.parse(Bytes.of(log.get(i).value()));
            switch (decided.type()) {
                case ROUND_OPENED -> open = i;
                case ROUND_CLOSED -> open = log.size();
                case ROUND_ABORTED ->
                    open = Director.isComplaint(RoundAborted.parse(decided.payload())) ? open : log.size();
                default -> {}
            }
        }
        return open;
    }
}
