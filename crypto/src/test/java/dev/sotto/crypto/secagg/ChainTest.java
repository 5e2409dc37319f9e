package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RosterSealed;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundOpened;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// The fold of `control`, and which attempt may come next (protocol §2, §3).
class ChainTest {
    private final Federation federation = new Federation(4, 3);
    private final RoundOpened opened = federation.next(0, Bytes.zeros(32));

    private Chain next(Chain chain, Message message) {
        Envelope envelope = federation.coordinator.sign(message, chain.head());
        Chain next = message instanceof RoundOpened o ? chain.next(envelope, o) : chain.next(envelope);
        assertThat(next.head())
                .isEqualTo(RoundContext.transcript(message.type().wireName(), chain.head(), message.encode()));
        assertThat(next.last()).contains(envelope);
        return next;
    }

    private RoundOpened opened(long round, long attempt) {
        return Terms.changed(opened, terms -> {
            terms.round = round;
            terms.attempt = attempt;
        });
    }

    /// Only this attempt of this round may come next.
    private void assertNext(Chain chain, long round, long attempt) {
        for (long r = Math.max(0, round - 1); r <= round + 1; r++) {
            for (long a = Math.max(1, attempt - 1); a <= attempt + 1; a++) {
                assertThat(chain.isNext(opened(r, a)))
                        .as("round %d attempt %d", r, a)
                        .isEqualTo(r == round && a == attempt);
            }
        }
    }

    @Test
    void chain_throughRoundsAndAttempts_saysWhatComesNext() {
        Chain chain = Chain.START;
        assertThat(chain.head()).isEqualTo(Bytes.zeros(32));
        assertThat(chain.open()).isFalse();
        assertNext(chain, 0, 1);
        chain = next(chain, opened(0, 1));
        assertThat(chain.open()).isTrue();
        assertThat(chain.isNext(opened(0, 2))).isFalse();
        assertThat(chain.isNext(opened(1, 1))).isFalse();
        chain = next(chain, new RosterSealed(List.of(Bytes.zeros(1))));
        assertThat(chain.open()).isTrue();
        chain = next(chain, new RoundAborted("Operator", "test", List.of(), List.of(), Optional.empty()));
        assertThat(chain.open()).isFalse();
        assertThat(chain.closed()).isFalse();
        assertNext(chain, 0, 2);
        chain = next(chain, opened(0, 2));
        assertThat(chain.round()).isZero();
        assertThat(chain.attempt()).isEqualTo(2);
        assertThat(chain.isNext(opened(0, 3))).isFalse();
        chain = next(
                chain,
                new RoundClosed(
                        1,
                        Bytes.zeros(32),
                        Bytes.zeros(32),
                        List.of(),
                        List.of(new NamedHash("org-a", Bytes.zeros(32)))));
        assertThat(chain.open()).isFalse();
        assertThat(chain.closed()).isTrue();
        assertNext(chain, 1, 1);
        chain = next(chain, opened(1, 1));
        assertThat(chain.round()).isOne();
        chain = next(chain, new RoundAborted("Operator", "test", List.of(), List.of(), Optional.empty()));
        assertNext(chain, 1, 2);
    }
}
