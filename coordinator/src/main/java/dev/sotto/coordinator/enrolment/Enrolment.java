package dev.sotto.coordinator.enrolment;

import dev.sotto.coordinator.ca.CertificateAuthority;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.RegistryEntry;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Makes an organisation a member, suspends and resumes that, and ends it. The registry's entry is written last: what
/// failed before can be asked for again, with the same invite. Every entry is an act in [Acts].
///
/// Thread-safe.
public final class Enrolment {
    /// How long a member waits for its next certificate, from its second on.
    public static final Duration BETWEEN_RENEWALS = Duration.ofMinutes(10);

    /// Where entries of the registry go, one after the other.
    public interface RegistryWriter {
        /// The registry now.
        Registry registry();

        /// The last generation that the organisation had, 0 if it never enrolled.
        int generation(String organisation);

        /// Signs and appends; returns when the entry and the act that it is are in the logs.
        void append(RegistryEntry entry, Bytes act);
    }

    /// Whom the broker lets in.
    public interface Admission {
        /// Makes an organisation's topics, and lets its principal use what a member uses.
        void admit(String organisation, String principal);

        /// Lets a principal read, and write nothing.
        void silence(String principal);

        /// Takes everything from a principal.
        void expel(String principal);
    }

    /// What an organisation sends.
    ///
    /// @param token             from the invite
    /// @param csr               DER of PKCS#10
    /// @param identityKey       Ed25519
    /// @param deliveryKey       X-Wing
    /// @param deliverySignature by the identity, see [Registry#signDelivery]
    /// @param signature         by the identity, over [Registry#enrolmentSigned]
    public record Request(
            Bytes token,
            String organisation,
            Bytes csr,
            Bytes identityKey,
            Bytes deliveryKey,
            Bytes deliverySignature,
            Bytes signature) {}

    /// What it gets.
    ///
    /// @param principal   for Kafka, the certificate's common name
    /// @param certificate PEM chain
    public record Enrolled(String principal, String certificate) {}

    private final String federation;
    private final Primitives primitives;
    private final CertificateAuthority authority;
    private final Invites invites;
    private final Admission access;
    private final RegistryWriter writer;
    private final Acts acts;
    private final Clock clock;
    private final Map<String, Instant> renewed = new HashMap<>();

    /// For one federation.
    public Enrolment(
            String federation,
            Primitives primitives,
            CertificateAuthority authority,
            Invites invites,
            Admission access,
            RegistryWriter writer,
            Acts acts,
            Clock clock) {
        this.federation = federation;
        this.primitives = primitives;
        this.authority = authority;
        this.invites = invites;
        this.access = access;
        this.writer = writer;
        this.acts = acts;
        this.clock = clock;
    }

    /// Invites an organisation.
    ///
    /// @return the token, 32 secret bytes, which nobody keeps here
    /// @throws Refused if it is suspended: an invite would end that
    public synchronized Bytes invite(String organisation, Duration valid, Acts.Actor by) throws Refused {
        if (writer.registry().suspended().containsKey(organisation)) {
            throw new Refused(409, organisation + " is suspended: resume or revoke it first");
        }
        return invites.create(organisation, valid, by);
    }

    /// Voids an invite.
    ///
    /// @throws Refused if there is none
    public void revokeInvite(String organisation, Acts.Actor by) throws Refused {
        if (!invites.revoke(organisation, by, "")) {
            throw new Refused(404, "there is no invite for organisation '" + organisation + "'");
        }
    }

    /// Enrols. An organisation that is a member already gets a new generation: new keys, which its peers
    /// must approve anew, and a principal that its old certificate does not have. Who enrolled by this invite and
    /// asks again with the same keys, because the answer was lost, gets another certificate, as by [#renew].
    ///
    /// @throws Refused if the invite or a key is not as it must be
    public synchronized Enrolled enrol(Request request) throws Refused, IOException {
        String organisation = request.organisation();
        Optional<RegistryEntry.Enrolled> enrolled = enrolledBy(request);
        if (enrolled.isPresent()) {
            check(request);
            return certify(Acts.Actor.INVITED, "enrolled", enrolled.get(), request.csr());
        }
        var wrong = invites.check(organisation, request.token());
        if (wrong.isPresent()) {
            throw new Refused(403, wrong.get() + identity(organisation, request.token()));
        }
        check(request);
        int generation = generation(organisation);
        String principal = generation == 1 ? organisation : organisation + "-g" + generation;
        CertificateAuthority.Issued issued;
        try {
            issued = authority.issue(principal, request.csr(), clock.instant());
        } catch (CertificateAuthority.BadRequest e) {
            throw new Refused(400, String.valueOf(e.getMessage()));
        }
        RegistryEntry.Enrolled entry = new RegistryEntry.Enrolled(
                organisation,
                generation,
                principal,
                request.identityKey(),
                request.deliveryKey(),
                request.deliverySignature(),
                issued.serial());
        if (!Registry.isDeliverySigned(primitives, federation, entry)) {
            throw new Refused(400, "deliverySignature is not the identity key's over the delivery key");
        }
        Optional<RegistryEntry.Enrolled> before = writer.registry().enrolment(organisation);
        access.admit(organisation, principal);
        append(
                Acts.Actor.INVITED,
                "enrolled",
                entry,
                "generation " + generation + ", certificate " + issued.serial(),
                issued.ends());
        before.ifPresent(old -> access.expel(old.principal()));
        return new Enrolled(principal, issued.pem());
    }

    /// Gives a member a new TLS certificate of the same principal. Its entry in the registry is written again, with
    /// the new serial.
    ///
    /// @param by        the certificate that it shows now
    /// @param csr       DER of PKCS#10
    /// @param signature by the identity, over [Registry#renewalSigned]
    /// @throws Refused if that is no member's principal, the request is not as it must be, or the last one was too
    ///   short a time ago: each is an entry of the registry, for ever
    public synchronized Enrolled renew(Acts.Actor by, Bytes csr, Bytes signature) throws Refused {
        RegistryEntry.Enrolled member = member(by.name());
        if (writer.registry().suspended().containsKey(member.organisation())) {
            throw new Refused(403, member.organisation() + " is suspended: it renews when it is resumed");
        }
        Bytes signed = Registry.renewalSigned(federation, member.organisation(), Enc.sha256(csr));
        if (!primitives.verify(member.identityKey(), signed, signature)) {
            throw new Refused(400, "signature is not the identity key's over this request");
        }
        return certify(by, "renewed", member, csr);
    }

    /// Writes a member's entry again, with the serial of a new certificate.
    private Enrolled certify(Acts.Actor by, String act, RegistryEntry.Enrolled member, Bytes csr) throws Refused {
        Instant now = clock.instant();
        Instant before = renewed.getOrDefault(member.organisation(), Instant.MIN);
        if (now.minus(BETWEEN_RENEWALS).isBefore(before)) {
            throw new Refused(
                    429,
                    member.organisation() + " got its last certificate at " + before + "; the next one after "
                            + before.plus(BETWEEN_RENEWALS));
        }
        CertificateAuthority.Issued issued;
        try {
            issued = authority.issue(member.principal(), csr, now);
        } catch (CertificateAuthority.BadRequest e) {
            throw new Refused(400, String.valueOf(e.getMessage()));
        }
        renewed.put(member.organisation(), now);
        append(
                by,
                act,
                new RegistryEntry.Enrolled(
                        member.organisation(),
                        member.generation(),
                        member.principal(),
                        member.identityKey(),
                        member.deliveryKey(),
                        member.deliverySignature(),
                        issued.serial()),
                "certificate " + issued.serial(),
                issued.ends());
        return new Enrolled(member.principal(), issued.pem());
    }

    /// Takes a member out of rounds, and lets it write nothing, until it is resumed. It reads on.
    ///
    /// @throws Refused if it is no member, or suspended already
    public synchronized void suspend(String organisation, String reason, Acts.Actor by) throws Refused {
        RegistryEntry.Enrolled member = writer.registry().members().get(organisation);
        if (member == null) {
            throw new Refused(
                    writer.registry().suspended().containsKey(organisation) ? 409 : 404,
                    "organisation '" + organisation + "' is no member that takes part");
        }
        boolean _ = invites.revoke(organisation, by, "it is suspended");
        access.silence(member.principal());
        append(by, "suspended", new RegistryEntry.Suspended(organisation, reason), reason);
    }

    /// Lets a suspended member take part again, with the keys that its peers approved.
    ///
    /// @throws Refused if it is not suspended
    public synchronized void resume(String organisation, Acts.Actor by) throws Refused {
        Registry.Suspension suspension = writer.registry().suspended().get(organisation);
        if (suspension == null) {
            throw new Refused(404, "organisation '" + organisation + "' is not suspended");
        }
        access.admit(organisation, suspension.member().principal());
        append(by, "resumed", new RegistryEntry.Resumed(organisation), "");
    }

    /// Ends a membership at once.
    ///
    /// @throws Refused if it is no member
    public synchronized void revoke(String organisation, String reason, Acts.Actor by) throws Refused {
        RegistryEntry.Enrolled member = writer.registry()
                .enrolment(organisation)
                .orElseThrow(() -> new Refused(404, "organisation '" + organisation + "' is no member"));
        boolean _ = invites.revoke(organisation, by, "it is revoked");
        access.expel(member.principal());
        append(by, "revoked", new RegistryEntry.Revoked(organisation, reason), reason);
    }

    /// Ends the membership of whoever asks, at once.
    ///
    /// @param by        the member's certificate
    /// @param reason    for people, may be empty
    /// @param signature by the identity, over [Registry#leaveSigned]: it stands in the registry
    /// @return the organisation
    /// @throws Refused if that is no member's certificate, or not its signature
    public synchronized String leave(Acts.Actor by, String reason, Bytes signature) throws Refused {
        RegistryEntry.Enrolled member = member(by.name());
        String organisation = member.organisation();
        Bytes signed = Registry.leaveSigned(federation, organisation, member.principal(), reason);
        if (!primitives.verify(member.identityKey(), signed, signature)) {
            throw new Refused(400, "signature is not the identity key's over this request");
        }
        RegistryEntry.Left entry = new RegistryEntry.Left(organisation, reason, signature);
        boolean _ = invites.revoke(organisation, by, "it leaves");
        access.expel(member.principal());
        append(by, "left", entry, reason);
        return organisation;
    }

    /// Whose certificate that is.
    private RegistryEntry.Enrolled member(String principal) throws Refused {
        Registry registry = writer.registry();
        return Stream.concat(
                        registry.members().values().stream(),
                        registry.suspended().values().stream().map(Registry.Suspension::member))
                .filter(one -> one.principal().equals(principal))
                .findFirst()
                .orElseThrow(() -> new Refused(403, "the certificate CN=" + principal + " is no member's"));
    }

    /// What the registry has of the request's keys, if it is by this invite.
    private Optional<RegistryEntry.Enrolled> enrolledBy(Request request) {
        return invites.wasUsedInTime(request.organisation(), request.token())
                ? Optional.ofNullable(writer.registry().members().get(request.organisation()))
                        .filter(member -> member.identityKey().equals(request.identityKey())
                                && member.deliveryKey().equals(request.deliveryKey()))
                : Optional.empty();
    }

    /// Whose keys the registry has of that organisation, for whoever shows an invite that somebody has used.
    private String identity(String organisation, Bytes token) {
        return invites.wasUsed(organisation, token)
                ? writer.registry()
                        .enrolment(organisation)
                        .map(member -> " that the member's fingerprint is "
                                + Enc.sha256(member.identityKey()).hex())
                        .orElse("")
                : "";
    }

    private void append(Acts.Actor by, String act, RegistryEntry entry, String detail) {
        append(by, act, entry, detail, null);
    }

    private void append(Acts.Actor by, String act, RegistryEntry entry, String detail, @Nullable Instant ends) {
        acts.record(by, act, entry.organisation(), detail, ends, record -> writer.append(entry, record));
    }

    private void check(Request request) throws Refused {
        if (request.identityKey().size() != Limits.ED25519_PUBLIC_KEY) {
            throw new Refused(400, "identityKey must be an Ed25519 key of " + Limits.ED25519_PUBLIC_KEY + " bytes");
        }
        try {
            primitives.checkKemKey(request.deliveryKey());
        } catch (InvalidKey e) {
            throw new Refused(400, "deliveryKey must be an X-Wing key: " + e.getMessage());
        }
        Bytes signed = Registry.enrolmentSigned(
                federation,
                request.organisation(),
                Enc.sha256(request.token()),
                Enc.sha256(request.csr()),
                request.deliveryKey());
        if (!primitives.verify(request.identityKey(), signed, request.signature())) {
            throw new Refused(400, "signature is not the identity key's over this request");
        }
    }

    private int generation(String organisation) {
        return writer.generation(organisation) + 1;
    }
}
