package dev.sotto.participant.audit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.model.ModelCipher;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.DirectorState;
import dev.sotto.crypto.secagg.SampledCohort;
import dev.sotto.participant.audit.Finding.Outcome;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Disputed;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.KeysAdvertised;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.ModelChunk;
import dev.sotto.schemas.ModelKeys;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundDeclined;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.SurvivorsSealed;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.UpdateChunk;
import dev.sotto.schemas.VectorLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// An audit finds whatever was made of a round other than what its members signed; of what is no longer there it says
/// so.
class AuditTest {
    private static final Set<Check> CLOSED =
            EnumSet.complementOf(EnumSet.of(Check.REGISTRY, Check.CONTROL, Check.ABORT, Check.END));

    private final RecordedFederation federation;

    /// Two rounds; in the second one the clinic drops out after it has dealt its shares.
    AuditTest(@TempDir Path folder) {
        federation = new RecordedFederation(folder, 1);
        federation.attempt();
        federation.dies.put("clinic", MessageType.SHARES_DEALT);
        federation.attempt();
    }

    private List<Finding> audit() {
        return audit(federation.anchor(), federation, federation.keys("bank"));
    }

    private static List<Finding> audit(Audit.Anchor anchor, Log log, Keys keys) {
        List<Finding> findings = new ArrayList<>();
        new Audit(RecordedFederation.PRIMITIVES, anchor, log, keys, findings::add, 2).run(round -> true, Set.of());
        return findings;
    }

    /// Every check of a round, once.
    private static Map<Check, Finding> of(long round, List<Finding> findings) {
        return findings.stream()
                .filter(finding ->
                        finding.place().filter(place -> place.round() == round).isPresent())
                .collect(Collectors.toMap(
                        Finding::check,
                        finding -> finding,
                        (one, other) -> {
                            throw new AssertionError(one + " and " + other);
                        },
                        TreeMap::new));
    }

    private static Finding of(long round, Check check, List<Finding> findings) {
        return Objects.requireNonNull(of(round, findings).get(check), check.wireName());
    }

    /// The one check that failed, and who is blamed.
    private static Finding failed(List<Finding> findings, Check check, String who) {
        List<Finding> failed = findings.stream()
                .filter(finding -> finding.outcome() == Outcome.FAILED)
                .toList();
        assertThat(failed).extracting(Finding::check).containsExactly(check);
        Finding.Evidence evidence = failed.getFirst().evidence().orElseThrow();
        assertThat(evidence.who()).isEqualTo(who);
        assertThat(evidence.messages()).isNotEmpty();
        return failed.getFirst();
    }

    private static void unchecked(List<Finding> findings, Check check, String detail) {
        assertThat(findings).noneMatch(finding -> finding.outcome() == Outcome.FAILED);
        assertThat(findings).anySatisfy(finding -> {
            assertThat(finding.check()).isEqualTo(check);
            assertThat(finding.outcome()).isEqualTo(Outcome.UNCHECKED);
            assertThat(finding.detail()).contains(detail);
        });
    }

    // ---- what is right ----

    @Test
    void honestRounds_passEveryCheck() {
        List<Finding> findings = audit();
        assertThat(findings).allMatch(finding -> finding.outcome() == Outcome.PASSED);
        for (long round = 0; round < 2; round++) {
            assertThat(of(round, findings).keySet()).isEqualTo(CLOSED);
        }
        assertThat(of(1, Check.SURVIVORS, findings).detail()).isEqualTo("3 of 4, without clinic");
    }

    @Test
    void abortedAttempt_isReplayedAsFarAsItCame() {
        federation.abortsIn = DirectorState.Phase.Reveal.class;
        federation.dies.clear();
        federation.attempt();
        List<Finding> findings = audit();
        assertThat(findings).allMatch(finding -> finding.outcome() == Outcome.PASSED);
        assertThat(of(2, findings).keySet())
                .contains(Check.CONFIRMATIONS, Check.ABORT)
                .doesNotContain(Check.SUM);
        assertThat(of(2, Check.ABORT, findings).detail()).isEqualTo("Operator: as the test wants");
    }

    @Test
    void chunksAndInboxesInAnotherOrder_changeNothing() {
        federation.updates.values().forEach(Collections::reverse);
        federation.inboxes.values().forEach(Collections::reverse);
        Collections.reverse(federation.models);
        assertThat(audit()).allMatch(finding -> finding.outcome() == Outcome.PASSED);
    }

    /// What anybody with access to the broker can write.
    @Test
    void recordsThatAreNobodys_areCountedAndChangeNothing() {
        Envelope real = federation.control.get(2);
        federation.control.add(
                2,
                new Envelope(
                        real.type(),
                        real.federation(),
                        real.sender(),
                        real.keyFingerprint(),
                        real.transcript(),
                        real.payload(),
                        Bytes.zeros(64)));
        federation.control.add(real);
        List<Finding> findings = audit();
        assertThat(findings).allMatch(finding -> finding.outcome() == Outcome.PASSED);
        assertThat(findings.get(1).detail()).contains("1 records are not the coordinator's");
    }

    // ---- a coordinator that lies ----

    @Test
    void coordinatorThatSignsAnotherSum_isBlamed() {
        federation.closeOtherwise(told -> new RoundClosed(
                told.version(), told.modelDigest(), Bytes.zeros(32), told.roundSeeds(), told.revealed()));
        Finding sum = failed(audit(), Check.SUM, "coordinator");
        assertThat(sum.evidence().orElseThrow().messages()).containsExactly(federation.control.getLast());
        assertThat(sum.detail())
                .contains("the coordinator signed " + Bytes.zeros(32).hex());
    }

    @Test
    void coordinatorThatTakesAnotherStep_isBlamed() {
        federation.closeOtherwise(told -> new RoundClosed(
                told.version(), Bytes.zeros(32), told.aggregateDigest(), told.roundSeeds(), told.revealed()));
        List<Finding> findings = audit();
        failed(findings, Check.STEP, "coordinator");
        assertThat(of(1, Check.SUM, findings).outcome()).isEqualTo(Outcome.PASSED);
        assertThat(of(1, Check.MODEL, findings).outcome()).isEqualTo(Outcome.UNCHECKED);
    }

    /// What members download decrypts, and is not the version that was signed.
    @Test
    void coordinatorThatHandsOutAnotherModel_isBlamed() throws Exception {
        Envelope signed = federation.control.getLast();
        Bytes digest = RoundClosed.parse(signed.payload()).modelDigest();
        List<ModelChunk> last =
                federation.models.stream().filter(chunk -> chunk.version() == 2).toList();
        federation.models.removeAll(last);
        try (Secret key = key(digest)) {
            for (ModelChunk chunk : last) {
                byte[] plain =
                        ModelCipher.open(key, RecordedFederation.NAME, chunk).toArray();
                if (chunk.index() == 1) {
                    plain[0] ^= 1;
                }
                federation.models.add(ModelCipher.seal(
                        key, RecordedFederation.NAME, 2, chunk.index(), chunk.count(), Bytes.of(plain)));
            }
        }
        List<Finding> findings = audit();
        failed(findings, Check.MODEL, "coordinator");
        assertThat(of(1, Check.STEP, findings).outcome()).isEqualTo(Outcome.PASSED);
    }

    private Secret key(Bytes digest) throws MalformedMessage {
        Keys keys = federation.keys("bank");
        for (Envelope envelope : federation.control) {
            if (envelope.type() == MessageType.MODEL_KEYS) {
                keys.remember(ModelKeys.parse(envelope.payload()));
            }
        }
        return keys.modelKey(2, digest).orElseThrow();
    }

    @Test
    void coordinatorThatCountsTooFewShares_isBlamed() {
        federation.closeOtherwise(told -> new RoundClosed(
                told.version(),
                told.modelDigest(),
                told.aggregateDigest(),
                told.roundSeeds(),
                told.revealed().subList(0, 2)));
        List<Finding> findings = audit();
        failed(findings, Check.SEEDS, "coordinator");
        assertThat(of(1, Check.STEP, findings).detail()).isEqualTo("rests on sum");
    }

    @Test
    void coordinatorThatOpensOnAnotherVersion_isBlamed() {
        federation.terms = opened -> with(opened, opened.threshold(), Bytes.zeros(32), opened.layout());
        federation.dies.clear();
        federation.attempt();
        failed(audit(), Check.PARAMETERS, "coordinator");
    }

    /// Everybody can draw a cohort again. Members take no part in one that was chosen, so it is aborted.
    @Test
    void coordinatorThatChoosesTheCohort_isBlamed() {
        Bytes head = federation.state.chain().head();
        List<String> drawn =
                SampledCohort.of(SampledCohort.seed(federation.state.chain().closing(), 2), federation.ids, 3);
        List<String> chosen = new ArrayList<>(federation.ids);
        chosen.remove(drawn.getFirst());
        RoundOpened opened = sampled(federation.opened(), chosen, federation.ids);
        federation.control.add(federation.coordinator.sign(opened, head));
        federation.control.add(federation.coordinator.sign(
                new RoundAborted("TOO_FEW", "", List.of(), List.of(), Optional.empty()),
                RoundContext.transcript("RoundOpened", head, opened.encode())));
        assertThat(failed(audit(), Check.PARAMETERS, "coordinator").detail()).contains("the seed draws " + drawn);
    }

    private static RoundOpened sampled(RoundOpened o, List<String> cohort, List<String> candidates) {
        return new RoundOpened(
                o.round(),
                o.attempt(),
                o.nonce(),
                cohort,
                candidates,
                o.threshold(),
                0,
                o.maxColluders(),
                o.minSurvivors(),
                o.ringBits(),
                o.layout(),
                o.weightCap(),
                o.weighting(),
                o.deadlines(),
                o.baseModelDigest(),
                o.adapterVersion(),
                o.adapterDigest(),
                o.plan(),
                o.keyId(),
                o.roundKey(),
                o.registryHead(),
                o.previous());
    }

    @Test
    void coordinatorThatChoosesVersion0_isBlamed() {
        Audit.Anchor anchor = federation.anchor();
        List<Finding> findings = audit(
                new Audit.Anchor(
                        anchor.federation(),
                        anchor.coordinatorKey(),
                        Bytes.utf8("x".repeat(32)),
                        anchor.pinned(),
                        Optional.empty()),
                federation,
                federation.keys("bank"));
        failed(findings, Check.START, "coordinator");
    }

    @Test
    void coordinatorThatChoosesRanges_isBlamed() {
        federation.terms = opened -> {
            var adapter = opened.layout().getFirst();
            var wider = new VectorLayout(
                    adapter.name(),
                    adapter.weighted(),
                    adapter.tensors().stream()
                            .map(tensor -> new TensorLayout(tensor.name(), tensor.shape(), tensor.rangeExponent() + 1))
                            .toList());
            return with(
                    opened,
                    opened.threshold(),
                    opened.adapterDigest(),
                    List.of(wider, opened.layout().getLast()));
        };
        federation.dies.clear();
        federation.attempt();
        failed(audit(), Check.RANGES, "coordinator");
    }

    private static RoundOpened with(RoundOpened o, int threshold, Bytes adapterDigest, List<VectorLayout> layout) {
        return new RoundOpened(
                o.round(),
                o.attempt(),
                o.nonce(),
                o.cohort(),
                o.candidates(),
                threshold,
                o.maxDropouts(),
                o.maxColluders(),
                o.minSurvivors(),
                o.ringBits(),
                layout,
                o.weightCap(),
                o.weighting(),
                o.deadlines(),
                o.baseModelDigest(),
                o.adapterVersion(),
                adapterDigest,
                o.plan(),
                o.keyId(),
                o.roundKey(),
                o.registryHead(),
                o.previous());
    }

    /// One sum of four members and one of three on the same adapter tell about the fourth.
    @Test
    void secondSetOfSurvivorsOnOneAdapter_needsEveryConfirmersLift() throws Exception {
        federation.dies.clear();
        federation.abortsIn = DirectorState.Phase.Reveal.class;
        federation.attempt();
        federation.forgetSets();
        federation.dies.put("clinic", MessageType.SHARES_DEALT);
        federation.attempt();
        assertThat(federation.state.chain().attempt()).isEqualTo(2);
        Finding found = last(Check.ONE_SET);
        assertThat(found.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(found.evidence().orElseThrow().who()).isEqualTo("bank");
        assertThat(found.evidence().orElseThrow().messages())
                .extracting(Envelope::type)
                .containsExactly(MessageType.SURVIVORS_CONFIRMED, MessageType.SURVIVORS_CONFIRMED);

        SurvivorsLifted lifted = new SurvivorsLifted(
                RoundOpened.parse(federation
                                .control
                                .get(indexes(MessageType.ROUND_OPENED).getLast())
                                .payload())
                        .adapterDigest(),
                federation.ids,
                List.of("bank", "hospital", "ministry"));
        federation.lift("bank", lifted);
        federation.lift("hospital", lifted);
        assertThat(last(Check.ONE_SET).evidence().orElseThrow().who()).isEqualTo("ministry");
        federation.lift("ministry", lifted);
        assertThat(last(Check.ONE_SET).outcome()).isEqualTo(Outcome.PASSED);
    }

    /// Of the last attempt.
    private Finding last(Check check) {
        return audit().stream()
                .filter(finding -> finding.check() == check)
                .reduce((earlier, later) -> later)
                .orElseThrow();
    }

    // ---- a log that was doctored ----

    @Test
    void controlWithARecordRemoved_failsThere_andTheRoundsBeforeAreAudited() {
        int sealed = indexes(MessageType.SURVIVORS_SEALED).getLast();
        federation.control.remove(sealed);
        List<Finding> findings = audit();
        Finding control = failed(findings, Check.CONTROL, Finding.Evidence.KEEPER);
        assertThat(control.detail()).contains("after 9 messages").contains("another transcript");
        assertThat(of(0, findings).values()).allMatch(finding -> finding.outcome() == Outcome.PASSED);
        assertThat(of(1, findings)).isEmpty();
    }

    /// What was cut off at the end no signature shows, only what the reader has seen before; and who asks for a round
    /// hears that it is not there.
    @Test
    void controlThatWasCut_failsWhereTheReaderHasVerifiedMore() throws Exception {
        Bytes digest = RoundClosed.parse(federation.control.getLast().payload()).modelDigest();
        Audit.Anchor anchor = federation.anchor();
        Audit.Anchor seen = new Audit.Anchor(
                anchor.federation(),
                anchor.coordinatorKey(),
                anchor.publicSeed(),
                anchor.pinned(),
                Optional.of(digest));
        assertThat(audit(seen, federation, federation.keys("bank")))
                .allMatch(finding -> finding.outcome() == Outcome.PASSED);
        federation.control.removeLast();
        failed(audit(seen, federation, federation.keys("bank")), Check.CONTROL, Finding.Evidence.KEEPER);
        List<Finding> asked = new ArrayList<>();
        new Audit(RecordedFederation.PRIMITIVES, anchor, federation, federation.keys("bank"), asked::add, 1)
                .run(round -> round == 1, Set.of(1L));
        unchecked(asked, Check.CONTROL, "round 1 has not ended in this log");
    }

    @Test
    void controlInAnotherOrder_fails() {
        int sealed = indexes(MessageType.ROSTER_SEALED).getLast();
        Collections.swap(federation.control, sealed, sealed + 1);
        failed(audit(), Check.CONTROL, Finding.Evidence.KEEPER);
    }

    /// Two messages over one transcript are the proof.
    @Test
    void controlWithAnotherSignedMessage_failsWithBoth() throws Exception {
        int sealed = indexes(MessageType.SURVIVORS_SEALED).getFirst();
        Envelope real = federation.control.get(sealed);
        Envelope other = federation.coordinator.sign(
                new SurvivorsSealed(
                        SurvivorsSealed.parse(real.payload()).survivors().subList(0, 3)),
                real.transcript());
        federation.control.set(sealed, other);
        failed(audit(), Check.CONTROL, Finding.Evidence.KEEPER);
        federation.control.add(sealed, real);
        Finding both = failed(audit(), Check.CONTROL, "coordinator");
        assertThat(both.evidence().orElseThrow().messages()).contains(real, other);
    }

    /// What the coordinator did sign, put where it does not belong, frames it of nothing.
    @Test
    void signedRecords_copiedElsewhere_changeNothing() {
        federation.control.add(3, federation.registryLog.getFirst());
        federation.control.add(federation.control.get(1));
        federation.registryLog.add(federation.control.get(1));
        federation.registryLog.add(federation.registryLog.getFirst());
        assertThat(audit()).allMatch(finding -> finding.outcome() == Outcome.PASSED);
    }

    @Test
    void coordinatorThatSpeaksOutOfTurn_isBlamed() {
        federation.control.add(federation.coordinator.sign(
                new RoundAborted("TOO_FEW", "", List.of(), List.of(), Optional.empty()),
                federation.state.chain().head()));
        assertThat(failed(audit(), Check.CONTROL, "coordinator").detail()).contains("while no attempt is open");
    }

    @Test
    void registryWithAnEntryRemoved_fails() {
        federation.registryLog.remove(1);
        failed(audit(), Check.REGISTRY, Finding.Evidence.KEEPER);
    }

    @Test
    void memberThatSignsTwice_isBlamed() {
        Envelope manifest = sent("bank", MessageType.UPDATE_MANIFEST);
        Bytes t = manifest.transcript();
        federation.inboxOf("bank").add(federation.node("bank").identity.sign(new RoundDeclined("A", ""), t));
        assertThat(audit()).allMatch(finding -> finding.outcome() == Outcome.PASSED);
        federation.inboxOf("bank").add(federation.node("bank").identity.sign(new RoundDeclined("B", ""), t));
        failed(audit(), Check.ONCE, "bank");
    }

    /// Keys and confirmations stand in `control` too: what an inbox holds instead contradicts them.
    @Test
    void keysReplacedByOtherSignedOnes_blameTheirMember() throws Exception {
        Envelope keys = sent("bank", MessageType.KEYS_ADVERTISED);
        Envelope others = sent("hospital", MessageType.KEYS_ADVERTISED);
        int place = federation.inboxOf("bank").indexOf(keys);
        federation
                .inboxOf("bank")
                .set(
                        place,
                        federation
                                .node("bank")
                                .identity
                                .sign(KeysAdvertised.parse(others.payload()), keys.transcript()));
        failed(audit(), Check.ONCE, "bank");
    }

    @Test
    void chunkReplacedByAnotherSignedOne_blamesItsMember() throws Exception {
        List<Envelope> chunks = federation.chunksOf("bank");
        Envelope real = chunks.getLast();
        UpdateChunk chunk = UpdateChunk.parse(real.payload());
        chunks.set(
                chunks.size() - 1,
                federation
                        .node("bank")
                        .identity
                        .sign(
                                new UpdateChunk(
                                        chunk.vector(),
                                        chunk.index(),
                                        Bytes.zeros(chunk.masked().size())),
                                real.transcript()));
        Finding found = failed(audit(), Check.CHUNKS, "bank");
        assertThat(found.detail()).contains("chunks of [bank] are not in the log");
        assertThat(found.evidence().orElseThrow().messages())
                .extracting(Envelope::type)
                .containsExactly(MessageType.UPDATE_CHUNK, MessageType.UPDATE_MANIFEST);
    }

    @Test
    void dispute_withAMessageThatControlHasNot_isTheProof() throws Exception {
        int sealed = indexes(MessageType.SURVIVORS_SEALED).getLast();
        Envelope real = federation.control.get(sealed);
        Bytes t = Objects.requireNonNull(sent("bank", MessageType.UPDATE_MANIFEST))
                .transcript();
        federation
                .inboxOf("bank")
                .add(federation.node("bank").identity.sign(new Disputed("FORKED_LOG", List.of(real.encode())), t));
        unchecked(audit(), Check.DISPUTES, "bank (FORKED_LOG)");
        // What the coordinator signed somewhere else frames it of nothing.
        federation.inboxOf("bank").removeLast();
        federation
                .inboxOf("bank")
                .add(federation
                        .node("bank")
                        .identity
                        .sign(
                                new Disputed(
                                        "FORKED_LOG",
                                        List.of(federation.registryLog.get(1).encode())),
                                t));
        unchecked(audit(), Check.DISPUTES, "bank (FORKED_LOG)");
        Envelope other = federation.coordinator.sign(
                new SurvivorsSealed(
                        SurvivorsSealed.parse(real.payload()).survivors().subList(0, 2)),
                real.transcript());
        federation.inboxOf("bank").removeLast();
        federation
                .inboxOf("bank")
                .add(federation.node("bank").identity.sign(new Disputed("FORKED_LOG", List.of(other.encode())), t));
        Finding proof = failed(audit(), Check.DISPUTES, "coordinator");
        assertThat(proof.evidence().orElseThrow().messages()).contains(other);
    }

    // ---- what is not there ----

    @Test
    void chunkThatWasDeleted_cannotBeChecked() {
        federation.chunksOf("hospital").removeLast();
        List<Finding> findings = audit();
        unchecked(findings, Check.CHUNKS, "no longer holds all chunks of hospital");
        assertThat(of(1, findings).keySet()).isEqualTo(CLOSED);
        assertThat(of(1, Check.SUM, findings).detail()).isEqualTo("rests on chunks");
        assertThat(of(1, Check.STEP, findings).detail()).isEqualTo("rests on sum");
        for (Check check : List.of(Check.CONFIRMATIONS, Check.START, Check.RANGES, Check.MODEL)) {
            assertThat(of(1, check, findings).outcome()).isEqualTo(Outcome.PASSED);
        }
        assertThat(of(0, findings).values()).allMatch(finding -> finding.outcome() == Outcome.PASSED);
    }

    @Test
    void messagesThatWereDeleted_cannotBeChecked() {
        for (Map.Entry<MessageType, Check> type : Map.of(
                        MessageType.SHARES_DEALT, Check.SHARES,
                        MessageType.UPDATE_MANIFEST, Check.MANIFESTS,
                        MessageType.SHARES_REVEALED, Check.SEEDS)
                .entrySet()) {
            Envelope gone = sent("ministry", type.getKey());
            federation.inboxOf("ministry").remove(gone);
            unchecked(
                    audit(), type.getValue(), "no longer holds " + type.getKey().wireName() + " of ministry");
            federation.inboxOf("ministry").add(gone);
        }
        assertThat(audit()).allMatch(finding -> finding.outcome() == Outcome.PASSED);
    }

    @Test
    void withoutTheRoundsSeed_signaturesAreCheckedAndTheSumIsNot() {
        Keys stranger = new MemberKeys(
                RecordedFederation.PRIMITIVES,
                RecordedFederation.NAME,
                "stranger",
                federation.node("bank").deliverySeed);
        List<Finding> findings = audit(federation.anchor(), federation, stranger);
        unchecked(findings, Check.SEEDS, "seed is not here");
        assertThat(of(1, Check.CHUNKS, findings).outcome()).isEqualTo(Outcome.PASSED);
        assertThat(of(1, Check.SUM, findings).detail()).isEqualTo("rests on seeds");
    }

    /// Only the last versions are kept; a round that starts from an older one can be audited with all before it.
    @Test
    void versionThatIsNoLongerKept_isMadeAgainFromTheFirst() {
        federation.models.clear();
        List<Finding> findings = audit();
        assertThat(findings).allMatch(finding -> finding.outcome() == Outcome.PASSED);
        List<Finding> last = new ArrayList<>();
        new Audit(RecordedFederation.PRIMITIVES, federation.anchor(), federation, federation.keys("bank"), last::add, 1)
                .run(round -> round == 1, Set.of(1L));
        unchecked(last, Check.START, "version 1 or its key is not here");
        assertThat(of(1, Check.SUM, last).outcome()).isEqualTo(Outcome.PASSED);
        assertThat(of(1, Check.STEP, last).detail()).isEqualTo("rests on start");
    }

    @Test
    void membersThatAreNotApprovedHere_areNamed() {
        Audit.Anchor anchor = federation.anchor();
        Map<String, Bytes> some = new TreeMap<>(anchor.pinned().orElseThrow());
        some.remove("clinic");
        some.put("bank", Bytes.zeros(32));
        List<Finding> findings = audit(
                new Audit.Anchor(
                        anchor.federation(),
                        anchor.coordinatorKey(),
                        anchor.publicSeed(),
                        Optional.of(some),
                        Optional.empty()),
                federation,
                federation.keys("bank"));
        unchecked(findings, Check.IDENTITIES, "the keys of bank, clinic in this round");
    }

    private List<Integer> indexes(MessageType type) {
        List<Integer> indexes = new ArrayList<>();
        for (int i = 0; i < federation.control.size(); i++) {
            if (federation.control.get(i).type() == type) {
                indexes.add(i);
            }
        }
        return indexes;
    }

    /// The last one of this type.
    private Envelope sent(String member, MessageType type) {
        return federation.inboxOf(member).stream()
                .filter(envelope -> envelope.type() == type)
                .reduce((earlier, later) -> later)
                .orElseThrow();
    }
}
