package dev.sotto.crypto.secagg;

import static dev.sotto.crypto.secagg.ClosedRound.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.SharesDealt;
import dev.sotto.schemas.SharesRouted;
import dev.sotto.schemas.SurvivorsConfirmed;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/// U2 (protocol §5, steps 4 and 5): what a dealer may send, and which dealers count.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RoutedTest {
    private final ClosedRound round = new ClosedRound();
    private static final String DEALER = "org-b";

    private final Bytes t1 = round.roster.t1();

    private SharesDealt dealt(Envelope envelope) throws PeerMisbehaved {
        return Routed.dealt(Federation.PRIMITIVES, round.federation.directory, round.roster, envelope);
    }

    private static SharesDealt with(SharesDealt real, List<Bytes> boxes, List<Bytes> ciphertexts) {
        return new SharesDealt(
                boxes,
                ciphertexts,
                real.maskCommitment(),
                real.selfCommitment(),
                Collections.nCopies(boxes.size() + 1, Bytes.zeros(32)),
                Collections.nCopies(boxes.size() + 1, Bytes.zeros(32)));
    }

    private void assertDealerRefused(SharesDealt message, Refusal reason, String detail) {
        assertRefused(() -> dealt(round.sign(DEALER, message, t1)), reason, DEALER, detail);
    }

    @Test
    void dealt_byEachMember_isTaken() throws PeerMisbehaved {
        for (Envelope envelope : round.sent(MessageType.SHARES_DEALT)) {
            assertThat(dealt(envelope)).isEqualTo(round.dealt(envelope.sender()));
        }
    }

    @Test
    void dealt_otherMessageOrOutsideTheRoster_blamesItsSender() {
        assertRefused(
                () -> dealt(round.sign(DEALER, new SurvivorsConfirmed(), t1)),
                Refusal.UNEXPECTED_MESSAGE,
                DEALER,
                "SharesDealt was expected");
        Roster without = new Roster(
                round.opened,
                t1,
                round.roster.members().subList(2, round.roster.members().size()));
        assertRefused(
                () -> Routed.dealt(
                        Federation.PRIMITIVES,
                        round.federation.directory,
                        without,
                        round.sent(DEALER, MessageType.SHARES_DEALT)),
                Refusal.NOT_A_SUBSET,
                DEALER,
                "not in the roster");
    }

    @Test
    void dealt_wrongCounts_blamesItsSender() {
        SharesDealt real = round.dealt(DEALER);
        List<Bytes> boxes = real.boxes();
        List<Bytes> ciphertexts = real.ciphertexts();
        List<Bytes> more = new ArrayList<>(boxes);
        more.add(boxes.getFirst());
        List<Bytes> moreCiphertexts = new ArrayList<>(ciphertexts);
        moreCiphertexts.add(round.dealt("org-a").ciphertexts().getFirst());
        for (SharesDealt wrong : List.of(
                with(real, boxes.subList(1, boxes.size()), ciphertexts),
                with(real, more, ciphertexts),
                with(real, boxes, ciphertexts.subList(1, ciphertexts.size())),
                with(real, boxes, moreCiphertexts))) {
            assertDealerRefused(wrong, Refusal.WRONG_COUNTS, "another number of members");
        }
    }

    @Test
    void dealt_repeatedHalfOfACiphertext_blamesItsSender() {
        SharesDealt real = round.dealt(DEALER);
        for (int half = 0; half < 2; half++) {
            List<Bytes> ciphertexts = new ArrayList<>(real.ciphertexts());
            byte[] mixed = ciphertexts.get(1).toArray();
            int from = half == 0 ? 0 : 1088;
            int to = half == 0 ? 1088 : 1120;
            System.arraycopy(ciphertexts.getFirst().toArray(), from, mixed, from, to - from);
            ciphertexts.set(1, Bytes.of(mixed));
            assertDealerRefused(
                    with(real, real.boxes(), ciphertexts), Refusal.REPEATED_KEY, "a ciphertext appears twice");
        }
    }

    @Test
    void dealt_ciphertextOfLowOrder_blamesItsSender() {
        SharesDealt real = round.dealt(DEALER);
        List<Bytes> ciphertexts = new ArrayList<>(real.ciphertexts());
        ciphertexts.set(1, Bytes.zeros(1120));
        assertDealerRefused(with(real, real.boxes(), ciphertexts), Refusal.INVALID_KEY, "low order");
    }

    /// Boxes stand in roster order without the dealer, ciphertexts for those after it.
    @Test
    void boxesAndCiphertexts_areFoundByReceiver() {
        List<String> ids = round.roster.ids();
        for (String dealer : ids) {
            List<String> others = ids.stream().filter(id -> !id.equals(dealer)).toList();
            List<String> later = ids.subList(ids.indexOf(dealer) + 1, ids.size());
            assertThat(others.stream().map(id -> round.routed.box(dealer, id)).toList())
                    .isEqualTo(round.dealt(dealer).boxes());
            assertThat(later.stream()
                            .map(id -> round.routed.ciphertext(dealer, id))
                            .toList())
                    .isEqualTo(round.dealt(dealer).ciphertexts());
        }
        assertThatThrownBy(() -> round.routed.dealer("org-z")).hasMessageContaining("org-z is not in U2");
    }

    private Routed verify(List<NamedHash> named, List<Envelope> inboxes) throws PeerMisbehaved {
        return Routed.verify(
                Federation.PRIMITIVES,
                round.federation.directory,
                round.roster,
                new SharesRouted(named),
                round.routed.t2(),
                inboxes);
    }

    private List<NamedHash> named() {
        return new ArrayList<>(round.sent(MessageType.SHARES_DEALT).stream()
                .map(envelope -> new NamedHash(envelope.sender(), Enc.sha256(envelope.encode())))
                .toList());
    }

    @Test
    void verify_dealersThatArePublished_areU2AndOthersAreIgnored() throws PeerMisbehaved {
        List<Envelope> inboxes = round.sent(MessageType.SHARES_DEALT);
        assertThat(verify(named(), inboxes)).isEqualTo(round.routed);
        Routed some = verify(named().subList(1, 5), inboxes);
        assertThat(some.ids()).containsExactly("org-b", "org-c", "org-d", "org-e");
        assertRefused(
                () -> verify(named().subList(1, 4), inboxes),
                Refusal.TOO_FEW,
                "coordinator",
                "U2 has 3 members, need 4");
    }

    @Test
    void verify_sharesThatWereNotPublishedByTheNamed_blamesTheCoordinator() {
        List<Envelope> inboxes = round.sent(MessageType.SHARES_DEALT);
        assertRefused(
                () -> verify(named(), inboxes.subList(1, inboxes.size())),
                Refusal.EQUIVOCATION,
                "coordinator",
                "org-a has not published");
        List<NamedHash> swapped = named();
        swapped.set(0, new NamedHash("org-a", swapped.get(1).hash()));
        assertRefused(() -> verify(swapped, inboxes), Refusal.EQUIVOCATION, "coordinator", "org-a has not published");
        List<NamedHash> stranger = named();
        stranger.add(new NamedHash("org-z", stranger.getFirst().hash()));
        assertRefused(
                () -> verify(stranger, inboxes), Refusal.NOT_A_SUBSET, "coordinator", "org-z is not in the roster");
    }
}
