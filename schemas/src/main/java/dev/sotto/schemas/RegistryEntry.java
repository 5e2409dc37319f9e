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
    sealed interface Ended extends RegistryEntry permits Revoked, Left {
        /// For people.
        String reason();
    }

    /// The consortium ended a membership.
    ///
    /// @param organisation its id
    /// @param reason       for people
    record Revoked(String organisation, String reason) implements Ended {
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

    /// A member is no candidate for rounds until it is resumed, enrolled anew or gone.
    ///
    /// @param organisation its id
    /// @param reason       for people
    record Suspended(String organisation, String reason) implements RegistryEntry {
        /// Checks the limits.
        ///
        /// @throws IllegalArgumentException if a field is outside its limits
        public Suspended {
            Wire.organisation(organisation, "organisation");
            Wire.text(reason, Limits.DETAIL, "reason");
        }

        @Override
        public Bytes encode() {
            return Bytes.of(dev.sotto.schemas.proto.RegistryEntry.newBuilder()
                    .setSuspended(dev.sotto.schemas.proto.MemberSuspended.newBuilder()
                            .setOrganisation(organisation)
                            .setReason(reason))
                    .build()
                    .toByteArray());
        }
    }

    /// A suspended member is one again, with the keys that it had.
    ///
    /// @param organisation its id
    record Resumed(String organisation) implements RegistryEntry {
        /// Checks the limits.
        ///
        /// @throws IllegalArgumentException if a field is outside its limits
        public Resumed {
            Wire.organisation(organisation, "organisation");
        }

        @Override
        public Bytes encode() {
            return Bytes.of(dev.sotto.schemas.proto.RegistryEntry.newBuilder()
                    .setResumed(
                            dev.sotto.schemas.proto.MemberResumed.newBuilder().setOrganisation(organisation))
                    .build()
                    .toByteArray());
        }
    }

    /// A member left by its own will.
    ///
    /// @param organisation its id
    /// @param reason       for people, may be empty
    /// @param signature    by the identity key, over federation, organisation, principal and reason
    record Left(String organisation, String reason, Bytes signature) implements Ended {
        /// Checks the limits.
        ///
        /// @throws IllegalArgumentException if a field is outside its limits
        public Left {
            Wire.organisation(organisation, "organisation");
            Wire.text(reason, Limits.DETAIL, "reason");
            Wire.size(signature, Limits.SIGNATURE, "signature");
        }

        @Override
        public Bytes encode() {
            return Bytes.of(dev.sotto.schemas.proto.RegistryEntry.newBuilder()
                    .setLeft(dev.sotto.schemas.proto.MemberLeft.newBuilder()
                            .setOrganisation(organisation)
                            .setReason(reason)
                            .setSignature(Wire.wire(signature)))
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
            case SUSPENDED ->
                Wire.make(() -> new Suspended(
                        wire.getSuspended().getOrganisation(),
                        wire.getSuspended().getReason()));
            case RESUMED -> Wire.make(() -> new Resumed(wire.getResumed().getOrganisation()));
            case LEFT ->
                Wire.make(() -> new Left(
                        wire.getLeft().getOrganisation(),
                        wire.getLeft().getReason(),
                        Wire.bytes(wire.getLeft().getSignature())));
            case ENTRY_NOT_SET -> throw new MalformedMessage("RegistryEntry names no entry of this protocol version");
        };
    }
}
