package dev.sotto.crypto.secagg;

import static dev.sotto.crypto.secagg.ClosedRound.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RevealedShares;
import dev.sotto.schemas.RevealedShares.Share;
import dev.sotto.schemas.SharesDealt;
import dev.sotto.schemas.SharesRevealed;
import dev.sotto.schemas.SurvivorsConfirmed;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/// Revealed shares, and what is rebuilt from them (protocol §5, step 10): every value is checked against what
/// its dealer signed, and whoever differs is named.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class UnmaskerTest {
    private final ClosedRound round = new ClosedRound();
    private static final String REVEALER = "org-b";
    private static final String DROPPED = ClosedRound.DROPPED;

    private final Bytes t4 = round.unmasking.t4();

    private RevealedShares open(Envelope envelope) throws PeerMisbehaved {
        return Unmasker.open(
                Federation.PRIMITIVES, round.federation.directory, round.unmasking, round.roundSeed, envelope);
    }

    private Unmasker rebuild(Unmasking unmasking, SortedMap<String, RevealedShares> revealed) throws PeerMisbehaved {
        return Unmasker.rebuild(Federation.PRIMITIVES, unmasking, revealed);
    }

    /// Shares as a member would seal them to the round key.
    private Envelope sealed(String who, RevealedShares shares) throws Exception {
        return sealed(who, shares.encode());
    }

    private Envelope sealed(String who, byte[] plain) throws Exception {
        Bytes box = Federation.PRIMITIVES.seal(
                round.opened.message().roundKey(),
                round.opened.context().revealInfo(t4, who),
                Secret.take(plain),
                round.federation.randomness);
        return round.sign(who, new SharesRevealed(box), t4);
    }

    private RevealedShares real() throws PeerMisbehaved {
        return open(round.sent(REVEALER, MessageType.SHARES_REVEALED));
    }

    private static List<Share> replaced(List<Share> shares, int at, Share other) {
        List<Share> changed = new ArrayList<>(shares);
        changed.set(at, other);
        return changed;
    }

    @Test
    void open_everySurvivor_revealsOneKindForEach() throws Exception {
        SortedMap<String, RevealedShares> revealed = round.revealed();
        assertThat(revealed.keySet()).containsExactlyElementsOf(round.survivors.ids());
        for (RevealedShares shares : revealed.values()) {
            assertThat(shares.selfShares()).extracting(Share::owner).isEqualTo(round.survivors.ids());
            assertThat(shares.maskShares()).extracting(Share::owner).containsExactly(DROPPED);
        }
        assertThat(open(sealed(REVEALER, real())).encode()).isEqualTo(real().encode());
    }

    @Test
    void open_otherMessageOrNotASurvivor_blamesItsSender() throws Exception {
        assertRefused(
                () -> open(round.sign(REVEALER, new SurvivorsConfirmed(), t4)),
                Refusal.UNEXPECTED_MESSAGE,
                REVEALER,
                "SharesRevealed was expected");
        Envelope outside = sealed(DROPPED, real());
        assertRefused(() -> open(outside), Refusal.NOT_A_SUBSET, DROPPED, "is not in U3");
    }

    @Test
    void open_boxOfAnotherMemberOrNoShares_blamesItsSender() throws Exception {
        SharesRevealed others = (SharesRevealed) ClosedRound.parse(round.sent("org-a", MessageType.SHARES_REVEALED));
        assertRefused(
                () -> open(round.sign(REVEALER, others, t4)), Refusal.SEALED_SHARE, REVEALER, "shares do not open");
        Envelope garbage = sealed(REVEALER, Bytes.utf8("these are no shares").toArray());
        assertRefused(() -> open(garbage), Refusal.MALFORMED, REVEALER, "RevealedShares");
    }

    @Test
    void open_sharesOfOthersThanAskedFor_blamesItsSender() throws Exception {
        List<Share> self = real().selfShares();
        List<Share> mask = real().maskShares();
        for (RevealedShares other : List.of(
                new RevealedShares(self.subList(1, self.size()), mask),
                new RevealedShares(self, List.of()),
                new RevealedShares(List.of(), mask),
                new RevealedShares(
                        replaced(
                                self,
                                4,
                                new Share(
                                        "org-z",
                                        self.get(4).share(),
                                        self.get(4).salt())),
                        mask))) {
            Envelope envelope = sealed(REVEALER, other);
            assertRefused(() -> open(envelope), Refusal.WRONG_COUNTS, REVEALER, "other members than asked for");
        }
    }

    @Test
    void open_shareOrSaltThatWasNotDealt_blamesItsSender() throws Exception {
        List<Share> self = real().selfShares();
        List<Share> mask = real().maskShares();
        byte[] other = new byte[32];
        Share last = self.getLast();
        Share dropped = mask.getFirst();
        for (RevealedShares wrong : List.of(
                new RevealedShares(replaced(self, 4, new Share(last.owner(), other, last.salt())), mask),
                new RevealedShares(replaced(self, 4, new Share(last.owner(), last.share(), other)), mask),
                new RevealedShares(self, List.of(new Share(DROPPED, other, dropped.salt()))),
                new RevealedShares(self, List.of(new Share(DROPPED, dropped.share(), other))))) {
            Envelope envelope = sealed(REVEALER, wrong);
            assertRefused(() -> open(envelope), Refusal.COMMITMENT, REVEALER, "than was dealt");
        }
    }

    /// From exactly t members and from all of them: the same sum, whose digest the coordinator signed.
    @Test
    void rebuild_thresholdOrMore_takesEveryMaskOff() throws Exception {
        SortedMap<String, RevealedShares> all = round.revealed();
        TreeMap<String, RevealedShares> some = new TreeMap<>(all);
        some.remove("org-a");
        for (SortedMap<String, RevealedShares> revealed : List.of(all, some)) {
            MaskedSum sum = round.sum(round.survivors.ids());
            try (Unmasker unmasker = rebuild(round.unmasking, revealed)) {
                assertThat(sum.unmask(round.survivors, unmasker, 1).digest()).isEqualTo(round.closed.aggregateDigest());
            }
        }
        assertThatThrownBy(() -> rebuild(round.unmasking, some.tailMap("org-d")))
                .hasMessageContaining("need 4");
    }

    @Test
    void close_always_wipesWhatWasRebuilt() throws Exception {
        Unmasker unmasker = rebuild(round.unmasking, round.revealed());
        List<Secret> secrets = secrets(unmasker);
        // b of five survivors, m of the dropped one, its three KEM secrets and two decapsulated ones, five pair seeds.
        assertThat(secrets).hasSize(5 + 1 + 5 + 5).noneMatch(Secret::isWiped);
        unmasker.close();
        assertThat(secrets).allMatch(Secret::isWiped);
    }

    private static List<Secret> secrets(Unmasker unmasker) throws ReflectiveOperationException {
        Field field = Unmasker.class.getDeclaredField("secrets");
        field.setAccessible(true);
        List<Secret> secrets = new ArrayList<>();
        ((List<?>) field.get(unmasker)).forEach(secret -> secrets.add((Secret) secret));
        return secrets;
    }

    private static SharesDealt with(
            SharesDealt real, Bytes maskCommitment, Bytes selfCommitment, List<Bytes> ciphertexts) {
        return new SharesDealt(
                real.boxes(),
                ciphertexts,
                maskCommitment,
                selfCommitment,
                real.maskShareCommitments(),
                real.selfShareCommitments());
    }

    private void assertDealerNamed(Unmasking unmasking, String dealer, String detail) {
        assertRefused(() -> rebuild(unmasking, round.revealed()), Refusal.COMMITMENT, dealer, detail);
    }

    @Test
    void rebuild_secretThatWasNotCommittedTo_namesItsDealer() {
        SharesDealt dropped = round.dealt(DROPPED);
        SharesDealt survivor = round.dealt("org-e");
        Bytes other = Bytes.zeros(32);
        assertDealerNamed(
                round.withDealt(DROPPED, with(dropped, other, dropped.selfCommitment(), dropped.ciphertexts())),
                DROPPED,
                "another secret than committed");
        assertDealerNamed(
                round.withDealt("org-e", with(survivor, survivor.maskCommitment(), other, survivor.ciphertexts())),
                "org-e",
                "another secret than committed");
    }

    @Test
    void rebuild_maskKeyThatIsNotTheMasters_namesItsDealer() {
        List<Roster.Member> members = new ArrayList<>(round.roster.members());
        Roster.Member real = round.roster.member(DROPPED);
        members.set(2, new Roster.Member(DROPPED, real.channelKey(), real.channelKey(), real.signed()));
        Roster roster = new Roster(round.opened, round.roster.t1(), members);
        assertDealerNamed(
                round.with(new Routed(roster, round.routed.t2(), round.routed.dealt(), round.routed.messages())),
                DROPPED,
                "its mask key is not from its master");
    }

    @Test
    void rebuild_ciphertextThatIsNotTheMasters_namesItsDealer() {
        SharesDealt real = round.dealt(DROPPED);
        assertThat(real.ciphertexts()).hasSize(3);
        for (int i = 0; i < 3; i++) {
            List<Bytes> ciphertexts = new ArrayList<>(real.ciphertexts());
            ciphertexts.set(i, round.dealt("org-a").ciphertexts().get(i));
            assertDealerNamed(
                    round.withDealt(DROPPED, with(real, real.maskCommitment(), real.selfCommitment(), ciphertexts)),
                    DROPPED,
                    "its ciphertext to " + round.roster.ids().get(3 + i) + " is not from its master");
        }
    }

    /// A share that its dealer committed to and that is off the polynomial: found by the further shares.
    @Test
    void rebuild_furtherShareOffThePolynomial_namesItsDealer() throws Exception {
        SortedMap<String, RevealedShares> revealed = round.revealed();
        RevealedShares last = Objects.requireNonNull(revealed.get("org-f"));
        for (boolean self : new boolean[] {true, false}) {
            List<Share> selfShares = last.selfShares();
            List<Share> maskShares = last.maskShares();
            Share share = self ? selfShares.get(1) : maskShares.getFirst();
            byte[] off = share.share().clone();
            off[31] ^= 1;
            Share wrong = new Share(share.owner(), off, share.salt());
            TreeMap<String, RevealedShares> changed = new TreeMap<>(revealed);
            changed.put(
                    "org-f",
                    self
                            ? new RevealedShares(replaced(selfShares, 1, wrong), maskShares)
                            : new RevealedShares(selfShares, List.of(wrong)));
            assertRefused(
                    () -> rebuild(round.unmasking, changed), Refusal.COMMITMENT, share.owner(), "the share at x = 6");
        }
    }
}
