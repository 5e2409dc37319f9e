package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.model.NextLayout;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.SharesDealt;
import dev.sotto.schemas.SharesRevealed;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.UpdateChunk;
import dev.sotto.schemas.UpdateManifest;
import dev.sotto.schemas.VectorLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// A member finds whatever the coordinator made of a round other than the sum and the step.
class RecomputationTest {
    private static final Bytes ADAPTER_0 = Bytes.zeros(32);

    private static MemberOutput.Closed closed(Federation federation, int member) {
        return federation.node(member).outputs.stream()
                .filter(output -> output instanceof MemberOutput.Closed)
                .map(output -> (MemberOutput.Closed) output)
                .findFirst()
                .orElseThrow();
    }

    private static void recompute(Federation federation, List<Envelope> chunks, RoundClosed message)
            throws PeerMisbehaved {
        recompute(federation, chunks, message, new Sample.All());
    }

    private static void recompute(Federation federation, Iterable<Envelope> chunks, RoundClosed message, Sample sample)
            throws PeerMisbehaved {
        MemberOutput.Closed closed = closed(federation, 3);
        Recomputation.check(
                Federation.PRIMITIVES,
                federation.directory,
                closed.unmasking().orElseThrow(),
                closed.roundSeed().orElseThrow(),
                federation.inboxes,
                chunks,
                sample,
                federation.before,
                federation.version,
                federation.step,
                message);
    }

    @Test
    void recomputation_closedRoundWithADropout_givesTheSameVersion() throws Exception {
        Federation federation = new Federation(5, 6);
        federation.dies.put("org-b", MessageType.SHARES_DEALT);
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        recompute(federation, federation.chunks(), closed(federation, 3).message());
        assertThat(federation.version.header().made().orElseThrow().totals().survivors())
                .isEqualTo(4);
    }

    @Test
    void recomputation_wrongSumStepOrMissingChunk_blamesTheCoordinator() {
        Federation federation = new Federation(4, 7);
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        RoundClosed real = closed(federation, 3).message();
        RoundClosed wrongSum = new RoundClosed(
                real.version(), real.modelDigest(), Bytes.zeros(32), real.roundSeeds(), real.revealed());
        RoundClosed wrongStep = new RoundClosed(
                real.version(), Bytes.zeros(32), real.aggregateDigest(), real.roundSeeds(), real.revealed());
        List<Envelope> chunks = federation.chunks();
        assertThatThrownBy(() -> recompute(federation, chunks, wrongSum)).hasMessageContaining("its sum is not");
        assertThatThrownBy(() -> recompute(federation, chunks, wrongStep)).hasMessageContaining("server's step");
        assertThatThrownBy(() -> recompute(federation, chunks.subList(1, chunks.size()), real))
                .isInstanceOfSatisfying(PeerMisbehaved.class, fault -> {
                    assertThat(fault.reason()).isEqualTo(Refusal.OTHER_RESULT);
                    assertThat(fault.who()).isEqualTo("coordinator");
                });
    }

    /// A member does not carry the dealers' messages, which grow with the square of the members: it finds them
    /// again by their hashes, and nothing else in their place.
    @Test
    void recomputation_dealersMessageMissingOrAltered_blamesTheCoordinator() throws Exception {
        Federation federation = new Federation(4, 8);
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        MemberOutput.Closed closed = closed(federation, 3);
        Routed carried = closed.unmasking().orElseThrow().survivors().routed();
        assertThat(carried.messages()).isEmpty();
        assertThat(carried.recall(federation.inboxes).messages().keySet()).containsExactlyElementsOf(federation.ids);
        int place = 0;
        while (federation.inboxes.get(place).type() != MessageType.SHARES_DEALT) {
            place++;
        }
        Envelope dealt = federation.inboxes.remove(place);
        List<Envelope> chunks = federation.chunks();
        for (List<Envelope> instead : List.of(
                List.<Envelope>of(),
                List.of(federation.node(0).identity.sign(SharesDealt.parse(dealt.payload()), Bytes.zeros(32))))) {
            federation.inboxes.addAll(instead);
            assertThatThrownBy(() -> recompute(federation, chunks, closed.message()))
                    .isInstanceOfSatisfying(PeerMisbehaved.class, fault -> {
                        assertThat(fault.reason()).isEqualTo(Refusal.OTHER_RESULT);
                        assertThat(fault.who()).isEqualTo("coordinator");
                        assertThat(fault).hasMessageContaining("shares that " + dealt.sender());
                    });
        }
        federation.inboxes.add(dealt);
        recompute(federation, chunks, closed.message());
    }

    /// What a member adds to its own topics after the fact breaks nobody's recomputation, and frames nobody.
    @Test
    void recomputation_membersExtraManifestRevealAndChunk_changeNothing() throws Exception {
        Federation federation = new Federation(4, 12);
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        MemberOutput.Closed closed = closed(federation, 3);
        Unmasking unmasking = closed.unmasking().orElseThrow();
        Identity member = federation.node(1).identity;
        Bytes t2 = unmasking.survivors().routed().t2();
        UpdateManifest other = new UpdateManifest(List.of(
                new UpdateManifest.VectorHashes("adapter", List.of(Bytes.zeros(32))),
                new UpdateManifest.VectorHashes("scalars", List.of(Bytes.zeros(32)))));
        federation.inboxes.add(member.sign(other, t2));
        SharesRevealed junk = new SharesRevealed(federation.inboxes.stream()
                .filter(envelope -> envelope.type() == MessageType.SHARES_REVEALED)
                .findFirst()
                .map(envelope -> Bytes.zeros(envelope.payload().size()))
                .orElseThrow());
        federation.inboxes.addFirst(member.sign(junk, unmasking.t4()));
        List<Envelope> chunks = new ArrayList<>(federation.chunks());
        chunks.addFirst(member.sign(new UpdateChunk("adapter", 0, Bytes.zeros(82 * 3)), t2));
        recompute(federation, chunks, closed.message());
    }

    private static final int CHUNK = 262_144;

    /// Twelve chunks of adapter, the last one short.
    private static Federation large() {
        VectorLayout adapter = new VectorLayout(
                "adapter",
                true,
                List.of(new TensorLayout("a", List.of(11, CHUNK), -2), new TensorLayout("b", List.of(5), 1)));
        Federation federation = new Federation(4, 9);
        federation.vectors = List.of(adapter);
        int size = (int) adapter.size();
        federation.version = new ModelVersion(0, new ModelHeader(Optional.empty(), size), new float[size], List.of());
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        return federation;
    }

    /// What a coordinator says that changed the new version.
    private static RoundClosed saying(Federation federation, UnaryOperator<ModelVersion> change) {
        RoundClosed real = closed(federation, 3).message();
        federation.version = change.apply(federation.version);
        return new RoundClosed(
                real.version(),
                federation.version.digest(Federation.NAME),
                real.aggregateDigest(),
                real.roundSeeds(),
                real.revealed());
    }

    private static UnaryOperator<ModelVersion> flip(int coordinate) {
        return version -> {
            float[] adapter = version.adapter().clone();
            adapter[coordinate] = Math.nextUp(adapter[coordinate]);
            return new ModelVersion(version.version(), version.header(), adapter, version.optimiser());
        };
    }

    @Test
    @Tag("slow")
    void recomputation_sample_findsAWrongCoordinateInItAndNeedsNoOtherChunks() throws Exception {
        Federation federation = large();
        Sample sample = new Sample.Some(Set.of(0, 11));
        List<Envelope> some = new ArrayList<>(federation.chunks());
        some.removeIf(envelope -> {
            try {
                var chunk = UpdateChunk.parse(envelope.payload());
                return !sample.holds(chunk.vector(), chunk.index());
            } catch (dev.sotto.schemas.MalformedMessage e) {
                throw new AssertionError(e);
            }
        });
        assertThat(some).hasSize(4 * 3);
        recompute(federation, some, closed(federation, 3).message(), sample);
        RoundClosed wrongElsewhere = saying(federation, flip(5 * CHUNK));
        recompute(federation, some, wrongElsewhere, sample);
        RoundClosed wrong = saying(federation, flip(11 * CHUNK + 4));
        assertThatThrownBy(() -> recompute(federation, some, wrong, sample))
                .isInstanceOfSatisfying(
                        PeerMisbehaved.class,
                        fault -> assertThat(fault.reason()).isEqualTo(Refusal.OTHER_RESULT));
    }

    @Test
    @Tag("slow")
    void recomputation_sample_findsAHeaderThatSaysSomethingElse() {
        Federation federation = large();
        RoundClosed wrong = saying(federation, version -> {
            ModelHeader.Made made = version.header().made().orElseThrow();
            ModelHeader.Made other = new ModelHeader.Made(
                    made.round(),
                    made.ringBits(),
                    made.quotient(),
                    made.weightCap() + 1,
                    made.totals(),
                    made.tensors());
            return new ModelVersion(
                    version.version(),
                    new ModelHeader(Optional.of(other), version.header().coordinates()),
                    version.adapter(),
                    version.optimiser());
        });
        assertThatThrownBy(() -> recompute(federation, federation.chunks(), wrong, new Sample.Some(Set.of(3))))
                .hasMessageContaining("server's step");
    }

    /// What a member reads costs: it stops at the last chunk that it needs.
    @Test
    void recomputation_sumIsComplete_readsNoFurther() throws Exception {
        Federation federation = new Federation(4, 7);
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        List<Envelope> all = federation.chunks();
        Iterable<Envelope> andNoMore = () -> Stream.concat(all.stream(), Stream.generate(() -> {
                    throw new AssertionError("read further than needed");
                }))
                .iterator();
        recompute(federation, andNoMore, closed(federation, 3).message(), new Sample.All());
    }

    /// SCAFFOLD: the sum of the members' differences moves c, and both are recomputed.
    @Test
    void recomputation_controlVector_isSummedUnweightedAndStepped() throws Exception {
        VectorLayout control = new VectorLayout(NextLayout.CONTROL, false, Federation.ADAPTER.tensors());
        int size = (int) control.size();
        Federation federation = new Federation(4, 10);
        federation.vectors = List.of(Federation.ADAPTER, control);
        federation.version = new ModelVersion(
                0, new ModelHeader(Optional.empty(), 2L * size), new float[size], List.of(new float[size]));
        federation.step = (adapter, decoded, optimiser, round) -> {
            for (int i = 0; i < adapter.length; i++) {
                adapter[i] = (float) (adapter[i] + decoded.get(0)[i]);
                optimiser[0][i] = (float) (optimiser[0][i] + decoded.get(1)[i] / 4);
            }
        };
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
        recompute(federation, federation.chunks(), closed(federation, 3).message());
        recompute(federation, federation.chunks(), closed(federation, 3).message(), new Sample.Some(Set.of(0)));
        double quotient = (1 << 22) / 4;
        float[] c = federation.version.optimiser().getFirst();
        for (int i = 0; i < size; i++) {
            double range = i < 77 ? 0.25 : 2;
            double plain = 0;
            for (Federation.Node node : federation.nodes.values()) {
                float[] moved = Objects.requireNonNull(
                        node.update.orElseThrow().vectors().get(NextLayout.CONTROL));
                plain += Math.clamp(moved[i], -range, range);
            }
            assertThat((double) c[i])
                    .isCloseTo(plain / 4, org.assertj.core.api.Assertions.within(2 * range / quotient));
        }
    }
}
