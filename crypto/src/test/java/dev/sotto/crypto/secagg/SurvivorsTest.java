package dev.sotto.crypto.secagg;

import static dev.sotto.crypto.secagg.ClosedRound.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.SurvivorsConfirmed;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.SurvivorsSealed;
import dev.sotto.schemas.UnmaskRequested;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/// U3 and its confirmations (protocol §5, steps 7 to 9).
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SurvivorsTest {
    private final ClosedRound round = new ClosedRound();

    private Survivors verify(List<NamedHash> sealed) throws PeerMisbehaved {
        return Survivors.verify(round.routed, new SurvivorsSealed(sealed), round.survivors.t3());
    }

    private void confirmed(Envelope envelope) throws PeerMisbehaved {
        Unmasking.confirmed(Federation.PRIMITIVES, round.federation.directory, round.survivors, envelope);
    }

    private Unmasking verify(UnmaskRequested request) throws PeerMisbehaved {
        return Unmasking.verify(
                Federation.PRIMITIVES, round.federation.directory, round.survivors, request, round.unmasking.t4());
    }

    private List<Bytes> confirmations() {
        return new ArrayList<>(round.sent(MessageType.SURVIVORS_CONFIRMED).stream()
                .map(Envelope::encode)
                .toList());
    }

    @Test
    void verify_sealed_saysWhoIsInAndWhoDroppedOut() throws PeerMisbehaved {
        Survivors survivors = verify(round.survivors.survivors());
        assertThat(survivors).isEqualTo(round.survivors);
        assertThat(survivors.ids()).containsExactly("org-a", "org-b", "org-d", "org-e", "org-f");
        assertThat(survivors.dropped()).containsExactly("org-c");
        Survivors fewest = verify(round.survivors.survivors().subList(0, 4));
        assertThat(fewest.dropped()).containsExactly("org-c", "org-f");
    }

    @Test
    void verify_tooFewOrOutsideU2_blamesTheCoordinator() {
        List<NamedHash> real = round.survivors.survivors();
        assertRefused(() -> verify(real.subList(0, 3)), Refusal.TOO_FEW, "coordinator", "U3 has 3 members, need 4");
        List<NamedHash> stranger = new ArrayList<>(real);
        stranger.add(new NamedHash("org-z", Bytes.zeros(32)));
        assertRefused(() -> verify(stranger), Refusal.NOT_A_SUBSET, "coordinator", "org-z is not in U2");
    }

    /// max(t, minSurvivors).
    @Test
    void fewest_isTheLargerOfThresholdAndMinSurvivors() {
        assertThat(round.withParameters(round.federation.ids, 4, 3).fewest()).isEqualTo(4);
        assertThat(round.withParameters(round.federation.ids, 4, 5).fewest()).isEqualTo(5);
    }

    @Test
    void confirmed_otherMessageOrNotASurvivor_blamesItsSender() throws PeerMisbehaved {
        confirmed(round.sent("org-b", MessageType.SURVIVORS_CONFIRMED));
        SurvivorsLifted other = new SurvivorsLifted(Bytes.zeros(32), round.federation.ids, round.survivors.ids());
        assertRefused(
                () -> confirmed(round.sign("org-b", other, round.survivors.t3())),
                Refusal.UNEXPECTED_MESSAGE,
                "org-b",
                "SurvivorsConfirmed was expected");
        assertRefused(
                () -> confirmed(round.sign("org-c", new SurvivorsConfirmed(), round.survivors.t3())),
                Refusal.NOT_A_SUBSET,
                "org-c",
                "is not in U3");
        assertRefused(
                () -> confirmed(round.sign("org-b", new SurvivorsConfirmed(), Enc.hash("another T3"))),
                Refusal.OTHER_TRANSCRIPT,
                "org-b",
                "another transcript");
    }

    @Test
    void unmasking_thresholdOfConfirmations_isEnough() throws PeerMisbehaved {
        assertThat(verify(new UnmaskRequested(confirmations().subList(0, ClosedRound.THRESHOLD))))
                .isEqualTo(round.unmasking);
        assertRefused(
                () -> verify(new UnmaskRequested(confirmations().subList(0, 3))),
                Refusal.TOO_FEW,
                "coordinator",
                "3 distinct confirmations, need 4");
    }

    @Test
    void unmasking_confirmationThatMustBeRefused_blamesTheCoordinator() {
        List<Bytes> garbage = confirmations();
        garbage.add(Bytes.utf8("no envelope"));
        assertRefused(
                () -> verify(new UnmaskRequested(garbage)),
                Refusal.MALFORMED,
                "coordinator",
                "a confirmation is no envelope");
        List<Bytes> outside = confirmations();
        outside.add(round.sign("org-c", new SurvivorsConfirmed(), round.survivors.t3())
                .encode());
        assertRefused(
                () -> verify(new UnmaskRequested(outside)),
                Refusal.NOT_A_SUBSET,
                "coordinator",
                "a confirmation must be refused: org-c");
    }
}
