package dev.sotto.schemas;

import java.util.HashSet;
import java.util.List;

/// Message 1: the coordinator opens an attempt of a round. All parameters of protocol §2.
///
/// @param round           from 0
/// @param attempt         from 1
/// @param nonce           32 fresh bytes
/// @param cohort          organisation ids, ascending, 3 to 255
/// @param candidates      whom the cohort was drawn from (protocol §10, "Sampled cohorts"), ascending, at most
///   10,000; empty if everybody takes part
/// @param threshold       t
/// @param maxDropouts     members that may drop out
/// @param maxColluders    c, in the whole federation
/// @param minSurvivors    fewest members in a sum
/// @param ringBits        k: 16, 24 or 32
/// @param layout          the vectors, each once, `scalars` last
/// @param weightCap       largest integer weight, 1 to 65,535
/// @param weighting       `uniform`, `classes` or `exact`
/// @param deadlines       of the phases
/// @param baseModelDigest of the frozen base model
/// @param adapterVersion  the version that members train from
/// @param adapterDigest   its digest
/// @param plan            what to train
/// @param keyId           hash that names K
/// @param roundKey        the coordinator's X-Wing public key of this attempt
/// @param registryHead    who is active
/// @param previous        C_prev
public record RoundOpened(
        long round,
        long attempt,
        Bytes nonce,
        List<String> cohort,
        List<String> candidates,
        int threshold,
        int maxDropouts,
        int maxColluders,
        int minSurvivors,
        int ringBits,
        List<VectorLayout> layout,
        int weightCap,
        String weighting,
        Deadlines deadlines,
        Bytes baseModelDigest,
        long adapterVersion,
        Bytes adapterDigest,
        TrainingPlan plan,
        Bytes keyId,
        Bytes roundKey,
        Bytes registryHead,
        Bytes previous)
        implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public RoundOpened {
        Wire.range(round, 0, Long.MAX_VALUE, "round");
        Wire.range(attempt, 1, Long.MAX_VALUE, "attempt");
        Wire.size(nonce, Limits.NONCE, "nonce");
        cohort = Wire.ascending(cohort, 3, Limits.MAX_MEMBERS, "cohort");
        candidates = Wire.ascending(candidates, 0, Limits.MAX_FEDERATION_MEMBERS, "candidates");
        if (!candidates.isEmpty() && !new HashSet<>(candidates).containsAll(cohort)) {
            throw new IllegalArgumentException("candidates lack a member of the cohort");
        }
        Wire.range(threshold, 1, Limits.MAX_MEMBERS, "threshold");
        Wire.range(maxDropouts, 0, Limits.MAX_MEMBERS, "maxDropouts");
        Wire.range(maxColluders, 0, Limits.MAX_FEDERATION_MEMBERS, "maxColluders");
        Wire.range(minSurvivors, 1, Limits.MAX_MEMBERS, "minSurvivors");
        if (ringBits != 16 && ringBits != 24 && ringBits != 32) {
            throw new IllegalArgumentException("ringBits is " + ringBits + ", must be 16, 24 or 32");
        }
        layout = Wire.count(layout, 1, Limits.VECTORS, "layout");
        if (layout.stream().map(VectorLayout::name).distinct().count() != layout.size()) {
            throw new IllegalArgumentException("layout names a vector twice");
        }
        Wire.range(weightCap, 1, 65_535, "weightCap");
        Wire.name(weighting, "weighting");
        Wire.size(baseModelDigest, Limits.HASH, "baseModelDigest");
        Wire.range(adapterVersion, 0, Long.MAX_VALUE, "adapterVersion");
        Wire.size(adapterDigest, Limits.HASH, "adapterDigest");
        Wire.size(keyId, Limits.HASH, "keyId");
        Wire.size(roundKey, Limits.XWING_PUBLIC_KEY, "roundKey");
        Wire.size(registryHead, Limits.HASH, "registryHead");
        Wire.size(previous, Limits.HASH, "previous");
    }

    /// Who could have been in the cohort.
    public List<String> eligible() {
        return candidates.isEmpty() ? cohort : candidates;
    }

    @Override
    public MessageType type() {
        return MessageType.ROUND_OPENED;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.RoundOpened.newBuilder()
                .setRound(round)
                .setAttempt(attempt)
                .setNonce(Wire.wire(nonce))
                .addAllCohort(cohort)
                .addAllCandidates(candidates)
                .setThreshold(threshold)
                .setMaxDropouts(maxDropouts)
                .setMaxColluders(maxColluders)
                .setMinSurvivors(minSurvivors)
                .setRingBits(ringBits)
                .addAllLayout(layout.stream().map(VectorLayout::wire).toList())
                .setWeightCap(weightCap)
                .setWeighting(weighting)
                .setDeadlines(deadlines.wire())
                .setBaseModelDigest(Wire.wire(baseModelDigest))
                .setAdapterVersion(adapterVersion)
                .setAdapterDigest(Wire.wire(adapterDigest))
                .setPlan(plan.wire())
                .setKeyId(Wire.wire(keyId))
                .setRoundKey(Wire.wire(roundKey))
                .setRegistryHead(Wire.wire(registryHead))
                .setPrevious(Wire.wire(previous))
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the coordinator is at fault
    public static RoundOpened parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.RoundOpened.parser(), payload, "RoundOpened");
        return Wire.make(() -> new RoundOpened(
                wire.getRound(),
                wire.getAttempt(),
                Wire.bytes(wire.getNonce()),
                wire.getCohortList(),
                wire.getCandidatesList(),
                wire.getThreshold(),
                wire.getMaxDropouts(),
                wire.getMaxColluders(),
                wire.getMinSurvivors(),
                wire.getRingBits(),
                Wire.map(wire.getLayoutList(), VectorLayout::of),
                wire.getWeightCap(),
                wire.getWeighting(),
                Deadlines.of(wire.getDeadlines()),
                Wire.bytes(wire.getBaseModelDigest()),
                wire.getAdapterVersion(),
                Wire.bytes(wire.getAdapterDigest()),
                TrainingPlan.of(wire.getPlan()),
                Wire.bytes(wire.getKeyId()),
                Wire.bytes(wire.getRoundKey()),
                Wire.bytes(wire.getRegistryHead()),
                Wire.bytes(wire.getPrevious())));
    }
}
