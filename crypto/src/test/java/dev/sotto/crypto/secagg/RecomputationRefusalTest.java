package dev.sotto.crypto.secagg;

import static dev.sotto.crypto.secagg.ClosedRound.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RoundClosed;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/// A closed round of which one thing is missing from the log or is another: the coordinator is blamed, with what
/// it was.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RecomputationRefusalTest {
    private static final Sample ALL = new Sample.All();

    private final ClosedRound round = new ClosedRound();
    private final Federation federation = round.federation;
    private final List<Envelope> inboxes = federation.inboxes;
    private final List<Envelope> chunks = federation.chunks();
    private final RoundClosed real = round.closed;

    private void check(
            Secret seed,
            List<Envelope> inboxes,
            List<Envelope> chunks,
            Sample sample,
            ModelVersion next,
            RoundClosed closed)
            throws PeerMisbehaved {
        Recomputation.check(
                Federation.PRIMITIVES,
                federation.directory,
                round.unmasking,
                seed,
                inboxes,
                chunks,
                sample,
                federation.before,
                next,
                federation.step,
                closed);
    }

    private void check(List<Envelope> inboxes, List<Envelope> chunks) throws PeerMisbehaved {
        check(round.roundSeed, inboxes, chunks, ALL, federation.version, real);
    }

    private void check(Sample sample, ModelVersion next, RoundClosed closed) throws PeerMisbehaved {
        check(round.roundSeed, inboxes, chunks, sample, next, closed);
    }

    private static List<Envelope> without(List<Envelope> all, Predicate<Envelope> gone) {
        return all.stream().filter(gone.negate()).toList();
    }

    private static Predicate<Envelope> of(String who, MessageType type) {
        return envelope -> envelope.sender().equals(who) && envelope.type() == type;
    }

    @Test
    void seed_thatIsNotTheRoundKeys_isRefused() {
        Secret other = Secret.take(new byte[32]);
        assertRefused(
                () -> check(other, inboxes, chunks, ALL, federation.version, real),
                Refusal.OTHER_RESULT,
                "coordinator",
                "not the round key's");
    }

    @Test
    void manifestOfASurvivor_missing_isNamed() {
        assertRefused(
                () -> check(without(inboxes, of("org-d", MessageType.UPDATE_MANIFEST)), chunks),
                Refusal.OTHER_RESULT,
                "coordinator",
                "a manifest that org-d has not published");
    }

    @Test
    void shares_ofThresholdMembers_sufficeAndFewerDoNot() throws PeerMisbehaved {
        assertThat(real.revealed()).hasSize(5);
        check(ALL, federation.version, counting(real.revealed().subList(1, 5)));
        assertRefused(
                () -> check(ALL, federation.version, counting(real.revealed().subList(2, 5))),
                Refusal.TOO_FEW,
                "coordinator",
                "closed with the shares of 3 members");
    }

    private RoundClosed counting(List<NamedHash> revealed) {
        return new RoundClosed(1, real.modelDigest(), real.aggregateDigest(), real.roundSeeds(), revealed);
    }

    @Test
    void shares_thatWereCountedAndNotPublished_areNamed() {
        assertRefused(
                () -> check(without(inboxes, of("org-e", MessageType.SHARES_REVEALED)), chunks),
                Refusal.OTHER_RESULT,
                "coordinator",
                "counted shares that org-e has not published");
    }

    @Test
    void chunkOfASurvivor_missingOrBroken_isNamed() throws PeerMisbehaved {
        List<Envelope> less = without(chunks, chunks.getFirst()::equals);
        assertRefused(
                () -> check(inboxes, less),
                Refusal.OTHER_RESULT,
                "coordinator",
                "sealed [" + chunks.getFirst().sender() + "] whose chunks are not in the log");
        // What anyone can add to a topic hurts nobody.
        List<Envelope> more = new ArrayList<>(chunks);
        Envelope one = chunks.getFirst();
        more.addFirst(new Envelope(
                one.type(),
                one.federation(),
                one.sender(),
                one.keyFingerprint(),
                one.transcript(),
                Bytes.utf8("no chunk"),
                one.signature()));
        check(inboxes, more);
    }

    @Test
    void version_thatIsNotTheNext_isRefused() {
        for (long version : new long[] {2, 3}) {
            RoundClosed other = new RoundClosed(
                    version, real.modelDigest(), real.aggregateDigest(), real.roundSeeds(), real.revealed());
            assertRefused(
                    () -> check(ALL, federation.version, other),
                    Refusal.OTHER_RESULT,
                    "coordinator",
                    "not the server's step on the sum");
        }
    }

    @Test
    void versionThatWasHandedOut_otherThanTheSigned_isRefused() {
        for (Sample sample : List.of(ALL, new Sample.Some(Set.of(0)))) {
            ModelVersion handed = new ModelVersion(
                    2, federation.version.header(), federation.version.adapter(), federation.version.optimiser());
            assertRefused(
                    () -> check(sample, handed, real), Refusal.OTHER_RESULT, "coordinator", "not the server's step");
        }
    }

    /// Who holds a part of the sum only cannot know its digest.
    @Test
    void digestOfTheSum_isCheckedOnTheWholeOnly() throws PeerMisbehaved {
        RoundClosed other = new RoundClosed(1, real.modelDigest(), Bytes.zeros(32), real.roundSeeds(), real.revealed());
        check(new Sample.Some(Set.of(0)), federation.version, other);
        assertRefused(
                () -> check(ALL, federation.version, other),
                Refusal.OTHER_RESULT,
                "coordinator",
                "not the sum of the masked updates");
    }

    @Test
    void sumOutOfRange_closedAllTheSame_isRefused() {
        Federation spoiled = new Federation(3, 17);
        Update honest = spoiled.randomUpdate();
        spoiled.forced.put("org-b", new Update(honest.vectors(), 50 * Federation.CAP, honest.meanLoss(), 100, 1000));
        Unmasking[] summing = new Unmasking[1];
        spoiled.disturb = pending -> {
            if (spoiled.state.phase() instanceof DirectorState.Phase.Summing phase) {
                summing[0] = phase.unmasking();
            }
        };
        spoiled.open(spoiled.next(0, Bytes.zeros(32)));
        spoiled.run();
        Opened opened = summing[0].survivors().routed().roster().opened();
        Secret seed = opened.context()
                .roundKeySeed(spoiled.roundSecret, opened.message().nonce());
        List<NamedHash> revealed = spoiled.inboxes.stream()
                .filter(envelope -> envelope.type() == MessageType.SHARES_REVEALED)
                .map(envelope -> new NamedHash(envelope.sender(), Enc.sha256(envelope.encode())))
                .toList();
        RoundClosed closed = new RoundClosed(1, Bytes.zeros(32), Bytes.zeros(32), List.of(), revealed);
        assertThatThrownBy(() -> Recomputation.check(
                        Federation.PRIMITIVES,
                        spoiled.directory,
                        summing[0],
                        seed,
                        spoiled.inboxes,
                        spoiled.chunks(),
                        new Sample.Some(Set.of(0)),
                        spoiled.version,
                        spoiled.version,
                        spoiled.step,
                        closed))
                .isInstanceOf(PeerMisbehaved.class)
                .hasMessageContaining("closed on a sum out of range");
    }
}
