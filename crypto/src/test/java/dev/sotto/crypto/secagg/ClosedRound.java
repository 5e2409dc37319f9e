package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.KeysAdvertised;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RevealedShares;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SharesDealt;
import dev.sotto.schemas.UpdateChunk;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/// A round of six members that was closed, org-c having dropped out after it had dealt its shares: every proof
/// type and every message, for tests that change one thing and name who must be blamed.
final class ClosedRound {
    static final String DROPPED = "org-c";
    static final int THRESHOLD = 4;

    final Federation federation = new Federation(6, 41);
    final RoundClosed closed;
    final Secret roundSeed;
    final Unmasking unmasking;
    final Survivors survivors;
    final Routed routed;
    final Roster roster;
    final Opened opened;

    ClosedRound() {
        federation.dies.put(DROPPED, MessageType.SHARES_DEALT);
        federation.open(federation.next(1, Bytes.zeros(32)));
        federation.run();
        MemberOutput.Closed output = federation.node(0).outputs.stream()
                .filter(MemberOutput.Closed.class::isInstance)
                .map(MemberOutput.Closed.class::cast)
                .findFirst()
                .orElseThrow();
        closed = output.message();
        roundSeed = output.roundSeed().orElseThrow();
        try {
            unmasking = output.unmasking().orElseThrow().recall(federation.inboxes);
        } catch (PeerMisbehaved e) {
            throw new AssertionError(e);
        }
        survivors = unmasking.survivors();
        routed = survivors.routed();
        roster = routed.roster();
        opened = roster.opened();
    }

    Federation.Node node(String id) {
        return Objects.requireNonNull(federation.nodes.get(id));
    }

    Envelope sign(String id, Message message, Bytes transcript) {
        return node(id).identity.sign(message, transcript);
    }

    /// What `id` sent of this type.
    Envelope sent(String id, MessageType type) {
        return federation.inboxes.stream()
                .filter(envelope -> envelope.type() == type && envelope.sender().equals(id))
                .findFirst()
                .orElseThrow();
    }

    List<Envelope> sent(MessageType type) {
        return federation.inboxes.stream()
                .filter(envelope -> envelope.type() == type)
                .toList();
    }

    /// The chunks of `member`: the adapter's one, and the scalars'.
    List<UpdateChunk> chunks(String member) {
        return federation.chunks(member).stream()
                .map(envelope -> (UpdateChunk) parse(envelope))
                .toList();
    }

    /// The masked sum of these members.
    MaskedSum sum(List<String> members) {
        MaskedSum sum = new MaskedSum(opened);
        members.forEach(member -> chunks(member).forEach(chunk -> sum.add(member, chunk)));
        return sum;
    }

    KeysAdvertised keys(String id) {
        return (KeysAdvertised) parse(sent(id, MessageType.KEYS_ADVERTISED));
    }

    SharesDealt dealt(String id) {
        return (SharesDealt) parse(sent(id, MessageType.SHARES_DEALT));
    }

    static Message parse(Envelope envelope) {
        try {
            return Message.parse(envelope.type(), envelope.payload());
        } catch (MalformedMessage e) {
            throw new AssertionError(e);
        }
    }

    /// Every survivor's shares, as the coordinator opened them.
    SortedMap<String, RevealedShares> revealed() throws PeerMisbehaved {
        SortedMap<String, RevealedShares> revealed = new TreeMap<>();
        for (Envelope envelope : sent(MessageType.SHARES_REVEALED)) {
            revealed.put(
                    envelope.sender(),
                    Unmasker.open(Federation.PRIMITIVES, federation.directory, unmasking, roundSeed, envelope));
        }
        return revealed;
    }

    /// The same survivors, with what one dealer has signed replaced.
    Unmasking withDealt(String dealer, SharesDealt other) {
        TreeMap<String, SharesDealt> messages = new TreeMap<>(routed.messages());
        messages.put(dealer, other);
        return with(new Routed(roster, routed.t2(), routed.dealt(), messages));
    }

    Unmasking with(Routed other) {
        return new Unmasking(new Survivors(other, survivors.t3(), survivors.survivors()), unmasking.t4());
    }

    /// The same parameters but for cohort, threshold and fewest survivors.
    static RoundOpened with(RoundOpened o, List<String> cohort, int threshold, int minSurvivors) {
        return Terms.changed(o, terms -> {
            terms.cohort = cohort;
            terms.threshold = threshold;
            terms.minSurvivors = minSurvivors;
        });
    }

    /// The same attempt under those parameters.
    Opened withParameters(List<String> cohort, int threshold, int minSurvivors) {
        return new Opened(Federation.NAME, with(opened.message(), cohort, threshold, minSurvivors), opened.t0());
    }

    /// It is refused for this reason, and this party is blamed.
    static void assertRefused(ThrowingCallable call, Refusal reason, String who, String detail) {
        assertThatThrownBy(call)
                .isInstanceOf(PeerMisbehaved.class)
                .hasMessageContaining(detail)
                .extracting(fault -> List.of(((PeerMisbehaved) fault).reason(), ((PeerMisbehaved) fault).who()))
                .isEqualTo(List.of(reason, who));
    }
}
