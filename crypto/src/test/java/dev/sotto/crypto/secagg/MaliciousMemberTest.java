package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Encapsulation;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RevealedShares;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.SharesDealt;
import dev.sotto.schemas.SharesRevealed;
import dev.sotto.schemas.UpdateChunk;
import dev.sotto.schemas.UpdateManifest;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/// One member with its own keys and state does what it must not. Who notices, when, by which reason; and what the
/// others lose by it.
class MaliciousMemberTest {
    private static final Bytes ADAPTER_0 = Bytes.zeros(32);
    private static final String LIAR = "org-b";

    private final Federation federation = new Federation(5, 31);

    private Federation.Node liar() {
        return Objects.requireNonNull(federation.nodes.get(LIAR));
    }

    private static Message parse(Envelope envelope) {
        try {
            return Message.parse(envelope.type(), envelope.payload());
        } catch (MalformedMessage e) {
            throw new AssertionError(e);
        }
    }

    private <M extends Message> void publishes(Class<M> type, UnaryOperator<M> lie) {
        federation.lying.put(LIAR, envelope -> {
            Message message = parse(envelope);
            return type.isInstance(message)
                    ? liar().identity.sign(lie.apply(type.cast(message)), envelope.transcript())
                    : envelope;
        });
    }

    private void attempt() {
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
    }

    private MessageType end() {
        return federation.control.getLast().type();
    }

    private RoundAborted aborted() {
        assertThat(end()).isEqualTo(MessageType.ROUND_ABORTED);
        return (RoundAborted) parse(federation.control.getLast());
    }

    private void assertDirectorBlames(Refusal reason) {
        assertThat(federation.refusedByDirector)
                .anyMatch(fault -> fault.reason() == reason && fault.who().equals(LIAR));
    }

    private void assertNobodyElseIsBlamed() {
        assertThat(federation.refusedByDirector).allMatch(fault -> fault.who().equals(LIAR));
        federation.nodes.values().stream()
                .filter(node -> node != liar())
                .forEach(node -> assertThat(node.refused).isEmpty());
    }

    @Test
    void maskKey_notFromItsMaster_isFoundWhenItDropsAndNamesIt() {
        federation.lying.put(LIAR, envelope -> {
            if (liar().state instanceof MemberState.Advertised state
                    && envelope.type() == MessageType.KEYS_ADVERTISED) {
                liar().state = new MemberState.Advertised(
                        state.chain(),
                        state.opened(),
                        state.sent(),
                        federation.randomness.secret(32),
                        state.selfMask(),
                        state.channelSeed());
            }
            return envelope;
        });
        federation.dies.put(LIAR, MessageType.SHARES_DEALT);
        attempt();
        assertThat(aborted().blamed()).contains(LIAR);
        assertThat(aborted().detail()).contains("mask key is not from its master");
        assertNobodyElseIsBlamed();
    }

    @Test
    void ciphertext_notFromItsMaster_isFoundWhenItDropsAndNamesIt() {
        federation.lying.put(LIAR, envelope -> {
            if (!(liar().state instanceof MemberState.Dealt state) || envelope.type() != MessageType.SHARES_DEALT) {
                return envelope;
            }
            SharesDealt dealt = (SharesDealt) parse(envelope);
            List<Bytes> ciphertexts = new ArrayList<>(dealt.ciphertexts());
            try (Secret coins = federation.randomness.secret(64)) {
                Encapsulation other = Federation.PRIMITIVES.encapsulate(
                        state.roster().member("org-d").maskKey(), coins);
                ciphertexts.set(1, other.ciphertext());
                other.secret().close();
            } catch (InvalidKey e) {
                throw new AssertionError(e);
            }
            return liar().identity
                    .sign(
                            new SharesDealt(
                                    dealt.boxes(),
                                    ciphertexts,
                                    dealt.maskCommitment(),
                                    dealt.selfCommitment(),
                                    dealt.maskShareCommitments(),
                                    dealt.selfShareCommitments()),
                            envelope.transcript());
        });
        federation.dies.put(LIAR, MessageType.SHARES_DEALT);
        attempt();
        assertThat(aborted().blamed()).contains(LIAR);
        assertThat(aborted().detail()).contains("its ciphertext to org-d is not from its master");
        assertNobodyElseIsBlamed();
    }

    /// It survives, so nobody rebuilds its master; the pair masks do not cancel, and the sum is noise.
    @Test
    void ciphertext_notFromItsMasterAndItSurvives_spoilsTheSumUnidentified() {
        federation.lying.put(LIAR, envelope -> {
            if (liar().state instanceof MemberState.Dealt state && envelope.type() == MessageType.SHARES_DEALT) {
                // It masks with another secret than its ciphertext carries.
                Secret other = federation.randomness.secret(32);
                Secret before = state.kemSecrets().put("org-d", other);
                if (before != null) {
                    before.close();
                }
            }
            return envelope;
        });
        attempt();
        assertThat(aborted().reason()).isEqualTo("AggregateOutOfRange");
        assertThat(aborted().blamed()).isEmpty();
    }

    @Test
    void maskedVector_ofGarbage_abortsAndBlamesNobody() {
        SplittableRandom random = new SplittableRandom(4);
        federation.lying.put(LIAR, envelope -> {
            if (envelope.type() != MessageType.UPDATE_MANIFEST
                    || !(liar().state instanceof MemberState.Delivered state)) {
                return envelope;
            }
            List<UpdateManifest.VectorHashes> hashes = new ArrayList<>();
            for (int i = 0; i < liar().spool.size(); i++) {
                UpdateChunk chunk = (UpdateChunk) parse(liar().spool.get(i));
                byte[] garbage = new byte[chunk.masked().size()];
                random.nextBytes(garbage);
                UpdateChunk other = new UpdateChunk(chunk.vector(), chunk.index(), Bytes.of(garbage));
                liar().spool.set(i, liar().identity.sign(other, envelope.transcript()));
                hashes.add(new UpdateManifest.VectorHashes(chunk.vector(), List.of(Enc.sha256(other.masked()))));
            }
            Envelope said = liar().identity.sign(new UpdateManifest(hashes), envelope.transcript());
            liar().state =
                    new MemberState.Delivered(state.chain(), state.routed(), Enc.sha256(said.encode()), state.shares());
            liar().journal.replace(0, 1, envelope, said);
            return said;
        });
        attempt();
        assertThat(aborted().reason()).isEqualTo("AggregateOutOfRange");
        assertThat(aborted().blamed()).isEmpty();
        assertNobodyElseIsBlamed();
    }

    @Test
    void revealedShare_otherThanItWasDealt_isRefusedAndTheOthersSuffice() {
        publishes(
                SharesRevealed.class,
                revealed -> revealedAgain(revealed, shares -> {
                    RevealedShares.Share first = shares.selfShares().getFirst();
                    byte[] other = first.share().toArray();
                    other[0] ^= 1;
                    List<RevealedShares.Share> self = new ArrayList<>(shares.selfShares());
                    self.set(0, new RevealedShares.Share(first.owner(), Bytes.of(other), first.salt()));
                    return new RevealedShares(self, shares.maskShares());
                }));
        attempt();
        assertDirectorBlames(Refusal.COMMITMENT);
        assertThat(end()).isEqualTo(MessageType.ROUND_CLOSED);
    }

    @Test
    void revealedShares_ofFewerOrOtherMembersThanAsked_areRefusedAndTheOthersSuffice() {
        publishes(
                SharesRevealed.class,
                revealed -> revealedAgain(
                        revealed,
                        shares -> new RevealedShares(
                                shares.selfShares()
                                        .subList(1, shares.selfShares().size()),
                                shares.selfShares().subList(0, 1))));
        attempt();
        assertDirectorBlames(Refusal.WRONG_COUNTS);
        assertThat(end()).isEqualTo(MessageType.ROUND_CLOSED);
    }

    private SharesRevealed revealedAgain(SharesRevealed revealed, UnaryOperator<RevealedShares> change) {
        Unmasking unmasking = ((MemberState.Revealed) liar().state).unmasking();
        Opened opened = unmasking.survivors().routed().roster().opened();
        Bytes info = opened.context().revealInfo(unmasking.t4(), LIAR);
        try (Secret seed = opened.context()
                        .roundKeySeed(federation.roundSecret, opened.message().nonce());
                Secret plain = Federation.PRIMITIVES.open(seed, info, revealed.box());
                Secret other = Secret.take(change.apply(RevealedShares.parse(
                                Bytes.of(plain.expose(dev.sotto.crypto.primitive.InsecureSecretAccess.get()))))
                        .encode()
                        .toArray())) {
            return new SharesRevealed(
                    Federation.PRIMITIVES.seal(opened.message().roundKey(), info, other, federation.randomness));
        } catch (InvalidKey | MalformedMessage | dev.sotto.crypto.primitive.BoxRefused e) {
            throw new AssertionError(e);
        }
    }

    /// `KeysAdvertised`, `UpdateManifest` and `SharesRevealed` have tests of their own; `SurvivorsConfirmed` is
    /// empty, so two are the same.
    @Test
    void sharesDealt_secondDifferentOne_isEquivocationAndTheFirstCounts() {
        federation.open(federation.next(1, ADAPTER_0));
        boolean[] again = {false};
        federation.disturb = inputs -> {
            for (Input input : List.copyOf(inputs)) {
                if (!again[0]
                        && input instanceof Input.Received received
                        && received.envelope().type() == MessageType.SHARES_DEALT
                        && received.envelope().sender().equals(LIAR)) {
                    again[0] = true;
                    SharesDealt dealt = (SharesDealt) parse(received.envelope());
                    SharesDealt other = new SharesDealt(
                            dealt.boxes(),
                            dealt.ciphertexts(),
                            Bytes.zeros(32),
                            dealt.selfCommitment(),
                            dealt.maskShareCommitments(),
                            dealt.selfShareCommitments());
                    // Right behind the first.
                    List<Input> rest = List.copyOf(inputs);
                    inputs.clear();
                    for (Input one : rest) {
                        inputs.add(one);
                        if (one.equals(input)) {
                            inputs.add(new Input.Received(liar().identity
                                    .sign(other, received.envelope().transcript())));
                        }
                    }
                }
            }
        };
        federation.run();
        assertDirectorBlames(Refusal.EQUIVOCATION);
        assertThat(end()).isEqualTo(MessageType.ROUND_CLOSED);
        assertNobodyElseIsBlamed();
    }

    @Test
    void chunk_secondDifferentOneOfAnIndex_isNotOfTheManifest() throws Exception {
        federation.slow.addAll(federation.ids);
        federation.open(federation.next(1, ADAPTER_0));
        while (!(federation.state.phase() instanceof DirectorState.Phase.Updates)) {
            federation.direct(federation.pending.removeFirst());
        }
        Routed routed = ((DirectorState.Phase.Updates) federation.state.phase()).routed();
        liar().finish();
        Manifest manifest =
                Manifest.verify(Federation.PRIMITIVES, federation.directory, routed, federation.inboxes.getLast());
        Envelope first = federation.chunks(LIAR).getFirst();
        UpdateChunk chunk = (UpdateChunk) parse(first);
        assertThat(manifest.chunk(Federation.PRIMITIVES, federation.directory, first))
                .isEqualTo(chunk);
        UpdateChunk other = new UpdateChunk(
                chunk.vector(), chunk.index(), Bytes.zeros(chunk.masked().size()));
        Envelope second = liar().identity.sign(other, first.transcript());
        assertThat(org.assertj.core.api.Assertions.catchThrowableOfType(
                                PeerMisbehaved.class,
                                () -> manifest.chunk(Federation.PRIMITIVES, federation.directory, second))
                        .reason())
                .isEqualTo(Refusal.OTHER_CHUNK);
    }
}
