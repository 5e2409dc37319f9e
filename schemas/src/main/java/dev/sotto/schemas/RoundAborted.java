package dev.sotto.schemas;

import java.util.List;
import java.util.Optional;

/// The coordinator ends an attempt without a result.
///
/// @param reason     name of the rule
/// @param detail     for people
/// @param evidence   envelopes, verbatim
/// @param roundSeeds the round key's seed for each active member, only after `UnmaskRequested`
/// @param blamed     the organisation that broke the rule, if what the log holds proves it
public record RoundAborted(
        String reason, String detail, List<Bytes> evidence, List<SealedBox> roundSeeds, Optional<String> blamed)
        implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public RoundAborted {
        Wire.name(reason, "reason");
        Wire.text(detail, Limits.DETAIL, "detail");
        evidence = Wire.count(evidence, 0, Limits.MAX_MEMBERS, "evidence");
        roundSeeds = SealedBox.ascending(roundSeeds, "roundSeeds");
        blamed.ifPresent(who -> Wire.organisation(who, "blamed"));
    }

    @Override
    public MessageType type() {
        return MessageType.ROUND_ABORTED;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.RoundAborted.newBuilder()
                .setReason(reason)
                .setDetail(detail)
                .addAllEvidence(Wire.wire(evidence))
                .addAllRoundSeeds(roundSeeds.stream().map(SealedBox::wire).toList())
                .setBlamed(blamed.orElse(""))
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the coordinator is at fault
    public static RoundAborted parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.RoundAborted.parser(), payload, "RoundAborted");
        return Wire.make(() -> new RoundAborted(
                wire.getReason(),
                wire.getDetail(),
                Wire.bytes(wire.getEvidenceList()),
                Wire.map(wire.getRoundSeedsList(), SealedBox::of),
                wire.getBlamed().isEmpty() ? Optional.empty() : Optional.of(wire.getBlamed())));
    }
}
