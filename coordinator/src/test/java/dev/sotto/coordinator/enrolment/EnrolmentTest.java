package dev.sotto.coordinator.enrolment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.coordinator.ca.RootAuthority;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.Identity;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RegistryEntry;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.spec.ECGenParameterSpec;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;
import org.junit.jupiter.api.Test;

/// From an invite to the end of a membership, with the registry as members read it; Kafka's rules are written down.
class EnrolmentTest {
    private static final Instant NOW = Instant.parse("2026-01-10T12:00:00Z");
    private static final Acts.Actor ADMIN = Acts.Actor.certified("admin", "ad");
    private static final Primitives PRIMITIVES = new BouncyCastlePrimitives();
    private static final Randomness RANDOM = Randomness.secure();

    private final Identity coordinator = new Identity(PRIMITIVES, "north", "coordinator", RANDOM.secret(32));
    private final List<String> rules = new ArrayList<>();
    private final Map<String, Integer> generations = new HashMap<>();
    private Registry registry = Registry.START;
    private Instant now = NOW;
    private final Clock clock = ((InstantSource) () -> now).withZone(ZoneOffset.UTC);

    private final Acts acts = new Acts(act -> Enc.hash("secret", act), clock);
    private final Invites invites = new Invites(
            (organisation, invite, act) -> {},
            acts,
            new Invites.Binding() {
                @Override
                public Bytes tag(Bytes invite) {
                    return Enc.hash("secret", invite);
                }

                @Override
                public int generation(String organisation) {
                    return generations.getOrDefault(organisation, 0);
                }
            },
            clock,
            RANDOM);
    private final Enrolment enrolment = new Enrolment(
            "north",
            PRIMITIVES,
            RootAuthority.create("north", NOW, new SecureRandom()).issuing(NOW),
            invites,
            new Enrolment.Admission() {
                @Override
                public void admit(String organisation, String principal) {
                    rules.add("admit " + principal);
                }

                @Override
                public void silence(String principal) {
                    rules.add("silence " + principal);
                }

                @Override
                public void expel(String principal) {
                    rules.add("expel " + principal);
                }
            },
            new Enrolment.RegistryWriter() {
                @Override
                public Registry registry() {
                    return registry;
                }

                @Override
                public int generation(String organisation) {
                    return generations.getOrDefault(organisation, 0);
                }

                @Override
                public void append(RegistryEntry entry, Bytes act) {
                    Directory own = new Directory("north", coordinator.key(), Map.of(), Map.of());
                    try {
                        registry = registry.next(PRIMITIVES, own, coordinator.sign(entry, registry.head()));
                    } catch (PeerMisbehaved e) {
                        throw new AssertionError(e);
                    }
                    if (entry instanceof RegistryEntry.Enrolled enrolled) {
                        generations.put(enrolled.organisation(), enrolled.generation());
                    }
                }
            },
            acts,
            clock);

    /// An organisation with keys of its own, or a thief with its invite.
    private final class Applicant {
        private final String organisation;
        private final Secret identity = RANDOM.secret(32);
        private final Bytes delivery = PRIMITIVES.kemKey(RANDOM.secret(32));
        private String principal = "";

        Applicant(String organisation) {
            this.organisation = organisation;
        }

        Enrolment.Request request(Bytes token) throws Exception {
            Bytes csr = csr();
            return new Enrolment.Request(
                    token,
                    organisation,
                    csr,
                    PRIMITIVES.identityKey(identity),
                    delivery,
                    Registry.signDelivery(PRIMITIVES, identity, "north", organisation, delivery),
                    PRIMITIVES.sign(
                            identity,
                            Registry.enrolmentSigned(
                                    "north", organisation, Enc.sha256(token), Enc.sha256(csr), delivery)));
        }

        Applicant enrol(Bytes token) throws Exception {
            principal = enrolment.enrol(request(token)).principal();
            return this;
        }

        Acts.Actor shows() {
            return Acts.Actor.certified(principal, "ce");
        }

        String fingerprint() {
            return Enc.sha256(PRIMITIVES.identityKey(identity)).hex();
        }

        Bytes leave(String reason) {
            return PRIMITIVES.sign(identity, Registry.leaveSigned("north", organisation, principal, reason));
        }
    }

    @Test
    void suspended_isNoCandidateAndWritesNothing_untilItIsResumed() throws Exception {
        Applicant acme = new Applicant("acme").enrol(invite("acme"));
        RegistryEntry.Enrolled member = enrolled("acme");
        enrolment.suspend("acme", "under review", ADMIN);
        assertThat(registry.members()).isEmpty();
        assertThat(Objects.requireNonNull(registry.suspended().get("acme")).reason())
                .isEqualTo("under review");
        Bytes csr = csr();
        Bytes signature = PRIMITIVES.sign(acme.identity, Registry.renewalSigned("north", "acme", Enc.sha256(csr)));
        refused(403, "acme is suspended", () -> enrolment.renew(acme.shows(), csr, signature));
        refused(409, "acme is suspended", () -> enrolment.invite("acme", Duration.ofHours(1), ADMIN));
        refused(409, "no member that takes part", () -> enrolment.suspend("acme", "again", ADMIN));
        enrolment.resume("acme", ADMIN);
        assertThat(registry.members()).containsEntry("acme", member);
        refused(404, "is not suspended", () -> enrolment.resume("acme", ADMIN));
        refused(404, "no member", () -> enrolment.suspend("bank", "no", ADMIN));
        assertThat(rules).containsExactly("admit acme", "silence acme", "admit acme");
        assertThat(told())
                .containsExactly(
                        "admin ad invited acme: until 2026-01-10T13:00:00Z",
                        "invite  enrolled acme: generation 1, certificate " + member.certificateSerial(),
                        "admin ad suspended acme: under review",
                        "admin ad resumed acme: ");
    }

    @Test
    void leave_isTheMembersOwnAct_alsoOfOneThatIsSuspended() throws Exception {
        Applicant acme = new Applicant("acme").enrol(invite("acme"));
        Applicant bank = new Applicant("bank").enrol(invite("bank"));
        refused(400, "signature is not", () -> enrolment.leave(bank.shows(), "done", acme.leave("done")));
        refused(400, "signature is not", () -> enrolment.leave(acme.shows(), "another", acme.leave("done")));
        refused(403, "CN=admin is no member's", () -> enrolment.leave(ADMIN, "done", acme.leave("done")));
        assertThat(registry.members()).hasSize(2);

        assertThat(enrolment.leave(acme.shows(), "done", acme.leave("done"))).isEqualTo("acme");
        assertThat(registry.members()).containsOnlyKeys("bank");
        assertThat(registry.gone().get("acme")).isInstanceOf(RegistryEntry.Left.class);
        refused(403, "no member's", () -> enrolment.leave(acme.shows(), "done", acme.leave("done")));
        enrolment.suspend("bank", "under review", ADMIN);
        assertThat(enrolment.leave(bank.shows(), "", bank.leave(""))).isEqualTo("bank");
        assertThat(registry.suspended()).isEmpty();
        assertThat(rules).containsExactly("admit acme", "admit bank", "expel acme", "silence bank", "expel bank");
        assertThat(told()).contains("acme ce left acme: done", "bank ce left bank: ");
    }

    /// An invite that lay about when a member was put out, or left, does not bring it back.
    @Test
    void openInvite_endsWithTheMembership() throws Exception {
        Applicant acme = new Applicant("acme").enrol(invite("acme"));
        Bytes token = invite("acme");
        enrolment.revoke("acme", "no", ADMIN);
        refused(403, "there is no invite", () -> enrolment.enrol(acme.request(token)));
        assertThat(invites.list()).isEmpty();
        Applicant bank = new Applicant("bank").enrol(invite("bank"));
        Bytes open = invite("bank");
        enrolment.leave(bank.shows(), "", bank.leave(""));
        refused(403, "there is no invite", () -> enrolment.enrol(bank.request(open)));
        Applicant city = new Applicant("city").enrol(invite("city"));
        Bytes before = invite("city");
        enrolment.suspend("city", "under review", ADMIN);
        refused(403, "there is no invite", () -> enrolment.enrol(city.request(before)));
    }

    /// Whoever uses a stolen invite first is the member. The organisation learns it when it uses its own, with the
    /// fingerprint by which the operator finds the thief in the registry, and puts it out.
    @Test
    void stolenInvite_isSeenByItsOwner_andTheThiefIsPutOutByWhatTheRegistryShows() throws Exception {
        Bytes token = invite("acme");
        Applicant thief = new Applicant("acme").enrol(token);
        Applicant acme = new Applicant("acme");
        refused(
                403,
                "this invite for acme was used already, which one can once. If that was not you, somebody else had it:"
                        + " tell the federation's operator at once that the member's fingerprint is "
                        + thief.fingerprint(),
                () -> enrolment.enrol(acme.request(token)));
        assertThat(told()).last().isEqualTo("invite  invite-refused acme: it was used already");
        assertThat(Enc.sha256(enrolled("acme").identityKey()).hex()).isEqualTo(thief.fingerprint());

        enrolment.revoke("acme", "its invite was stolen", ADMIN);
        acme.enrol(invite("acme"));
        assertThat(acme.principal).isEqualTo("acme-g2");
        assertThat(Enc.sha256(enrolled("acme").identityKey()).hex()).isEqualTo(acme.fingerprint());
        assertThat(rules).containsExactly("admit acme", "expel acme", "admit acme-g2");
        refused(403, "CN=acme is no member's", () -> enrolment.leave(thief.shows(), "", thief.leave("")));
        // Whoever lacks the token is told nothing, and used tokens are counted like wrong ones.
        refused(403, "there is no invite", () -> enrolment.enrol(acme.request(Bytes.zeros(32))));
        int before = acts.told().acts().size();
        for (int i = 0; i < 2 * Invites.ATTEMPTS; i++) {
            refused(403, "there is no invite", () -> enrolment.enrol(thief.request(token)));
        }
        assertThat(acts.told().acts()).hasSize(before);
    }

    /// An answer that was lost is given again to whoever has the keys, for as long as the invite is good.
    @Test
    void enrolmentThatIsAskedForAgain_givesAnotherCertificateOfTheSameMembership() throws Exception {
        Bytes token = invite("acme");
        Applicant acme = new Applicant("acme").enrol(token);
        String first = enrolled("acme").certificateSerial();

        Enrolment.Enrolled again = enrolment.enrol(acme.request(token));

        assertThat(again.principal()).isEqualTo("acme");
        assertThat(enrolled("acme").generation()).isEqualTo(1);
        assertThat(enrolled("acme").certificateSerial()).isNotEqualTo(first);
        assertThat(Enc.sha256(enrolled("acme").identityKey()).hex()).isEqualTo(acme.fingerprint());
        assertThat(rules).containsExactly("admit acme");
        assertThat(told())
                .last()
                .isEqualTo(
                        "invite  enrolled acme: certificate " + enrolled("acme").certificateSerial());
        // Each is an entry of the registry, for ever.
        refused(
                429,
                "acme got its last certificate at 2026-01-10T12:00:00Z",
                () -> enrolment.enrol(acme.request(token)));
        refused(403, "was used already", () -> enrolment.enrol(new Applicant("acme").request(token)));

        enrolment.suspend("acme", "under review", ADMIN);
        refused(403, "was used already", () -> enrolment.enrol(acme.request(token)));
    }

    @Test
    void enrolment_isNotAnsweredAgain_withoutTheIdentitysSignature_orAfterTheInvitesTime() throws Exception {
        Bytes token = invite("acme");
        Applicant acme = new Applicant("acme").enrol(token);
        Enrolment.Request its = acme.request(token);
        Bytes other = csr();
        refused(
                400,
                "signature is not the identity key's",
                () -> enrolment.enrol(new Enrolment.Request(
                        token,
                        "acme",
                        other,
                        its.identityKey(),
                        its.deliveryKey(),
                        its.deliverySignature(),
                        its.signature())));
        now = NOW.plus(Duration.ofHours(2));
        refused(403, "was used already", () -> enrolment.enrol(acme.request(token)));
    }

    /// Enrolling anew is the only way to another identity. It needs an invite, ends the certificate of the first, and
    /// has another fingerprint, which no peer has approved.
    @Test
    void anotherIdentity_needsAnInvite_andIsAnotherGeneration() throws Exception {
        Applicant acme = new Applicant("acme").enrol(invite("acme"));
        Applicant other = new Applicant("acme");
        other.principal = acme.principal;
        Bytes csr = csr();
        Bytes signature = PRIMITIVES.sign(other.identity, Registry.renewalSigned("north", "acme", Enc.sha256(csr)));
        refused(400, "not the identity key's", () -> enrolment.renew(acme.shows(), csr, signature));
        refused(403, "there is no invite", () -> enrolment.enrol(other.request(Bytes.zeros(32))));
        assertThat(Enc.sha256(enrolled("acme").identityKey()).hex()).isEqualTo(acme.fingerprint());
        other.enrol(invite("acme"));
        assertThat(enrolled("acme").generation()).isEqualTo(2);
        assertThat(rules).containsExactly("admit acme", "admit acme-g2", "expel acme");
        refused(403, "CN=acme is no member's", () -> enrolment.leave(acme.shows(), "", acme.leave("")));
    }

    @Test
    void tokenOfAnotherOrganisation_isRefused_andCountsAgainstTheInviteItWasTriedOn() throws Exception {
        Bytes token = invite("acme");
        invite("bank");
        for (int i = 0; i < Invites.ATTEMPTS; i++) {
            refused(
                    403,
                    "this is not the invite for bank",
                    () -> enrolment.enrol(new Applicant("bank").request(token)));
        }
        assertThat(invites.list())
                .extracting(one -> one.organisation() + " " + one.state())
                .containsExactly("acme open", "bank blocked");
        assertThat(new Applicant("acme").enrol(token).principal).isEqualTo("acme");
        assertThat(told()).contains("invite  invite-refused bank: wrong token");
    }

    private RegistryEntry.Enrolled enrolled(String organisation) {
        return Objects.requireNonNull(registry.members().get(organisation));
    }

    private Bytes invite(String organisation) throws Refused {
        return enrolment.invite(organisation, Duration.ofHours(1), ADMIN);
    }

    private List<String> told() {
        return acts.told().acts().stream()
                .map(act -> act.by() + " " + act.certificate() + " " + act.act() + " " + act.organisation() + ": "
                        + act.detail())
                .toList();
    }

    private static void refused(int status, String why, ThrowingCallable doing) {
        assertThatThrownBy(doing)
                .isInstanceOfSatisfying(
                        Refused.class, refused -> assertThat(refused.status()).isEqualTo(status))
                .hasMessageContaining(why);
    }

    private static Bytes csr() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        KeyPair pair = generator.generateKeyPair();
        return Bytes.of(new JcaPKCS10CertificationRequestBuilder(new X500Name("CN=any"), pair.getPublic())
                .build(new JcaContentSignerBuilder("SHA256withECDSA").build(pair.getPrivate()))
                .getEncoded());
    }
}
