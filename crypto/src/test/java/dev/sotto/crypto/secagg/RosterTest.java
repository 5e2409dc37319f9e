package dev.sotto.crypto.secagg;

import static dev.sotto.crypto.secagg.ClosedRound.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.KeysAdvertised;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RosterSealed;
import dev.sotto.schemas.SurvivorsConfirmed;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/// U1 (protocol §5, steps 2 and 3): whose keys are in it, and who is blamed for what must not be.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RosterTest {
    private final ClosedRound round = new ClosedRound();
    private static final int HALF = 1184;

    private final Federation federation = round.federation;
    private final Bytes t0 = round.opened.t0();

    private Roster.Member advertised(Opened opened, Envelope envelope) throws PeerMisbehaved {
        return Roster.advertised(Federation.PRIMITIVES, federation.directory, opened, envelope);
    }

    private Roster verify(List<Bytes> entries, int fewest) throws PeerMisbehaved {
        return Roster.verify(
                Federation.PRIMITIVES,
                federation.directory,
                round.opened,
                new RosterSealed(entries),
                round.roster.t1(),
                fewest);
    }

    private List<Bytes> entries() {
        return new ArrayList<>(round.sent(MessageType.KEYS_ADVERTISED).stream()
                .map(Envelope::encode)
                .toList());
    }

    private Bytes entry(String id, Bytes channelKey, Bytes maskKey) {
        return round.sign(id, new KeysAdvertised(channelKey, maskKey, Bytes.zeros(32)), t0)
                .encode();
    }

    private static Bytes mixed(Bytes mlkem, Bytes x25519) {
        byte[] key = mlkem.toArray();
        x25519.slice(HALF, x25519.size()).copyTo(key, HALF);
        return Bytes.of(key);
    }

    private Bytes fresh() {
        return Federation.PRIMITIVES.kemKey(round.federation.randomness.secret(32));
    }

    @Test
    void advertised_valid_isTheMemberWithItsKeysAsSigned() throws PeerMisbehaved {
        Envelope envelope = round.sent("org-b", MessageType.KEYS_ADVERTISED);
        Roster.Member member = advertised(round.opened, envelope);
        KeysAdvertised keys = round.keys("org-b");
        assertThat(member).isEqualTo(new Roster.Member("org-b", keys.channelKey(), keys.maskKey(), envelope.encode()));
    }

    @Test
    void advertised_otherMessage_blamesItsSender() {
        assertRefused(
                () -> advertised(round.opened, round.sign("org-b", new SurvivorsConfirmed(), t0)),
                Refusal.UNEXPECTED_MESSAGE,
                "org-b",
                "KeysAdvertised was expected");
    }

    @Test
    void advertised_outsideTheCohort_blamesItsSender() {
        Opened without = round.withParameters(List.of("org-a", "org-c", "org-d"), 3, 3);
        assertRefused(
                () -> advertised(without, round.sent("org-b", MessageType.KEYS_ADVERTISED)),
                Refusal.NOT_A_SUBSET,
                "org-b",
                "not in the cohort");
    }

    @Test
    void advertised_eitherKeyInvalid_blamesItsSender() {
        for (boolean channel : new boolean[] {true, false}) {
            KeysAdvertised keys = new KeysAdvertised(
                    channel ? Bytes.zeros(1216) : fresh(), channel ? fresh() : Bytes.zeros(1216), Bytes.zeros(32));
            assertRefused(
                    () -> advertised(round.opened, round.sign("org-b", keys, t0)),
                    Refusal.INVALID_KEY,
                    "org-b",
                    "low order");
        }
    }

    @Test
    void advertised_onAnotherLog_blamesItsSender() {
        KeysAdvertised keys = new KeysAdvertised(fresh(), fresh(), Enc.hash("fork"));
        assertRefused(
                () -> advertised(round.opened, round.sign("org-b", keys, t0)),
                Refusal.FORKED_LOG,
                "org-b",
                "another log");
    }

    @Test
    void verify_sealed_isInRosterOrder() throws PeerMisbehaved {
        Roster roster = verify(entries(), 6);
        assertThat(roster.ids()).containsExactly("org-a", "org-b", "org-c", "org-d", "org-e", "org-f");
        for (int i = 0; i < 6; i++) {
            assertThat(roster.indexOf(roster.ids().get(i))).isEqualTo(i);
            assertThat(roster.member(roster.ids().get(i)))
                    .isEqualTo(roster.members().get(i));
        }
        assertThat(roster.indexOf("org-z")).isNegative();
        assertThat(roster).isEqualTo(round.roster);
    }

    @Test
    void verify_fewerThanNeeded_blamesTheCoordinator() throws PeerMisbehaved {
        assertThat(verify(entries().subList(1, 5), 4).members()).hasSize(4);
        assertRefused(
                () -> verify(entries().subList(1, 5), 5), Refusal.TOO_FEW, "coordinator", "has 4 members, need 5");
    }

    @Test
    void verify_entryThatIsNoKeysAdvertised_blamesTheCoordinator() {
        List<Bytes> garbage = entries();
        garbage.set(2, Bytes.utf8("no envelope"));
        assertRefused(() -> verify(garbage, 4), Refusal.MALFORMED, "coordinator", "the roster holds no envelope");
        List<Bytes> other = entries();
        other.set(2, round.sign("org-c", new SurvivorsConfirmed(), t0).encode());
        assertRefused(
                () -> verify(other, 4),
                Refusal.UNEXPECTED_MESSAGE,
                "coordinator",
                "the roster holds a SURVIVORS_CONFIRMED");
    }

    @Test
    void verify_memberTwice_blamesTheCoordinator() {
        List<Bytes> twice = entries();
        twice.add(3, twice.get(2));
        assertRefused(() -> verify(twice, 4), Refusal.NOT_A_SUBSET, "coordinator", "not in ascending order at org-c");
    }

    /// Any half of any key that was there before: of the other key of the same member, or of another member.
    @Test
    void verify_repeatedHalf_blamesTheCoordinator() {
        KeysAdvertised first = round.keys("org-a");
        Bytes one = fresh();
        List<Bytes> repeating = List.of(
                entry("org-b", mixed(one, first.channelKey()), fresh()),
                entry("org-b", mixed(first.maskKey(), one), fresh()),
                entry("org-b", fresh(), mixed(one, first.maskKey())),
                entry("org-b", fresh(), mixed(first.channelKey(), one)),
                entry("org-b", one, mixed(one, fresh())),
                entry("org-b", one, mixed(fresh(), one)));
        for (Bytes repeated : repeating) {
            List<Bytes> entries = entries();
            entries.set(1, repeated);
            assertRefused(
                    () -> verify(entries, 4), Refusal.REPEATED_KEY, "coordinator", "a key of org-b appears twice");
        }
    }
}
