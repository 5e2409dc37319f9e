package dev.sotto.schemas;

/// One entry of the registry, the hash-chained list of who is a member.
public sealed interface RegistryEntry extends Message {
    /// The organisation that the entry is about.
    String organisation();

    @Override
    default MessageType type() {
        return MessageType.REGISTRY_ENTRY;
    }

    /// An organisation enrolled, or enrolled again with new keys.
    ///
    /// @param organisation      its id
    /// @param generation        of the certificate, from 1
    /// @param principal         the certificate's CN
    /// @param identityKey       Ed25519 public key
    /// @param deliveryKey       X-Wing public key
    /// @param deliverySignature by the identity key over the enrolment request, which holds the delivery
    ///   key
    /// @param certificateSerial hexadecimal
    record Enrolled(
            String organisation,
            int generation,
            String principal,
            Bytes identityKey,
            Bytes deliveryKey,
            Bytes deliverySignature,
            String certificateSerial)
            implements RegistryEntry {
        /// Checks the limits.
        ///
        /// @throws IllegalArgumentException if a field is outside its limits
        public Enrolled {
            Wire.organisation(organisation, "organisation");
            Wire.range(generation, 1, Integer.MAX_VALUE, "generation");
            Wire.name(principal, "principal");
            Wire.size(identityKey, Limits.ED25519_PUBLIC_KEY, "identityKey");
            Wire.size(deliveryKey, Limits.XWING_PUBLIC_KEY, "deliveryKey");
            Wire.size(deliverySignature, Limits.SIGNATURE, "deliverySignature");
            Wire.name(certificateSerial, "certificateSerial");
        }

        @Override
        public Bytes encode() {
            return Bytes.of(dev.sotto.schemas.proto.RegistryEntry.newBuilder()
                    .setEnrolled(dev.sotto.schemas.proto.MemberEnrolled.newBuilder()
                            .setOrganisation(organisation)
                            .setGeneration(generation)
                            .setPrincipal(principal)
                            .setIdentityKey(Wire.wire(identityKey))
                            .setDeliveryKey(Wire.wire(deliveryKey))
                            .setDeliverySignature(Wire.wire(deliverySignature))
                            .setCertificateSerial(certificateSerial))
                    .build()
                    .toByteArray());
        }
    }

    /// An organisation is no longer a member.
    ///
    /// @param organisation its id
    /// @param reason       for people
    record Revoked(String organisation, String reason) implements RegistryEntry {
        /// Checks the limits.
        ///
        /// @throws IllegalArgumentException if a field is outside its limits
        public Revoked {
            Wire.organisation(organisation, "organisation");
            Wire.text(reason, Limits.DETAIL, "reason");
        }

        @Override
        public Bytes encode() {
            return Bytes.of(dev.sotto.schemas.proto.RegistryEntry.newBuilder()
                    .setRevoked(dev.sotto.schemas.proto.MemberRevoked.newBuilder()
                            .setOrganisation(organisation)
                            .setReason(reason))
                    .build()
                    .toByteArray());
        }
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such an entry; the coordinator is at fault
    static RegistryEntry parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.RegistryEntry.parser(), payload, "RegistryEntry");
        return switch (wire.getEntryCase()) {
            case ENROLLED ->
                Wire.make(() -> new Enrolled(
                        wire.getEnrolled().getOrganisation(),
                        wire.getEnrolled().getGeneration(),
                        wire.getEnrolled().getPrincipal(),
                        Wire.bytes(wire.getEnrolled().getIdentityKey()),
                        Wire.bytes(wire.getEnrolled().getDeliveryKey()),
                        Wire.bytes(wire.getEnrolled().getDeliverySignature()),
                        wire.getEnrolled().getCertificateSerial()));
            case REVOKED ->
                Wire.make(() -> new Revoked(
                        wire.getRevoked().getOrganisation(), wire.getRevoked().getReason()));
            case ENTRY_NOT_SET -> throw new MalformedMessage("RegistryEntry has neither enrolled nor revoked");
        };
    }
}
