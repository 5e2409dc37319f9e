package dev.sotto.schemas;

import java.util.List;

/// Message 4: a member's shares for all others, and its half of the pairwise key agreements.
///
/// @param boxes                one per other member of U1, in roster order: HPKE of share_m, salt_m,
///   share_b, salt_b
/// @param ciphertexts          one X-Wing ciphertext per later member, in roster order
/// @param maskCommitment       to m_u
/// @param selfCommitment       to b_u
/// @param maskShareCommitments to each of the |U1| shares of m_u, own included
/// @param selfShareCommitments to each of the |U1| shares of b_u, own included
public record SharesDealt(
        List<Bytes> boxes,
        List<Bytes> ciphertexts,
        Bytes maskCommitment,
        Bytes selfCommitment,
        List<Bytes> maskShareCommitments,
        List<Bytes> selfShareCommitments)
        implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public SharesDealt {
        Wire.count(boxes, 1, Limits.MAX_MEMBERS - 1, "boxes");
        boxes = Wire.sizes(boxes, Limits.SHARE_BOX, "boxes");
        Wire.count(ciphertexts, 0, Limits.MAX_MEMBERS - 1, "ciphertexts");
        ciphertexts = Wire.sizes(ciphertexts, Limits.XWING_CIPHERTEXT, "ciphertexts");
        Wire.size(maskCommitment, Limits.HASH, "maskCommitment");
        Wire.size(selfCommitment, Limits.HASH, "selfCommitment");
        Wire.count(maskShareCommitments, boxes.size() + 1, boxes.size() + 1, "maskShareCommitments");
        maskShareCommitments = Wire.sizes(maskShareCommitments, Limits.HASH, "maskShareCommitments");
        Wire.count(selfShareCommitments, boxes.size() + 1, boxes.size() + 1, "selfShareCommitments");
        selfShareCommitments = Wire.sizes(selfShareCommitments, Limits.HASH, "selfShareCommitments");
    }

    @Override
    public MessageType type() {
        return MessageType.SHARES_DEALT;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.SharesDealt.newBuilder()
                .addAllBoxes(Wire.wire(boxes))
                .addAllCiphertexts(Wire.wire(ciphertexts))
                .setMaskCommitment(Wire.wire(maskCommitment))
                .setSelfCommitment(Wire.wire(selfCommitment))
                .addAllMaskShareCommitments(Wire.wire(maskShareCommitments))
                .addAllSelfShareCommitments(Wire.wire(selfShareCommitments))
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the sender is at fault
    public static SharesDealt parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.SharesDealt.parser(), payload, "SharesDealt");
        return Wire.make(() -> new SharesDealt(
                Wire.bytes(wire.getBoxesList()),
                Wire.bytes(wire.getCiphertextsList()),
                Wire.bytes(wire.getMaskCommitment()),
                Wire.bytes(wire.getSelfCommitment()),
                Wire.bytes(wire.getMaskShareCommitmentsList()),
                Wire.bytes(wire.getSelfShareCommitmentsList())));
    }
}
