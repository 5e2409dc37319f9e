package dev.sotto.crypto.secagg;

import dev.sotto.crypto.mask.MaskStream;
import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.mask.RoundContext.Kind;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Encapsulation;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.crypto.shamir.InconsistentShares;
import dev.sotto.crypto.shamir.Shamir;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.RevealedShares;
import dev.sotto.schemas.SharesDealt;
import dev.sotto.schemas.SharesRevealed;
import dev.sotto.schemas.VectorLayout;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;

/// Rebuilds the seeds of a confirmed sum and takes its masks off. The coordinator uses it, and every
/// member that recomputes a round from the log. Closing it wipes the seeds. Once rebuilt, several threads may
/// unmask.
public final class Unmasker implements AutoCloseable {
    /// One stream of a vector: its key's origin and its sign in the sum.
    private record Stream(Secret seed, String first, String second, boolean added) {}

    private final Survivors survivors;
    private final RoundContext context;
    private final List<Stream> streams = new ArrayList<>();
    private final List<Secret> secrets = new ArrayList<>();

    private Unmasker(Survivors survivors) {
        this.survivors = survivors;
        this.context = survivors.routed().roster().context();
    }

    /// Opens one member's shares and checks each against its dealer's commitment (step 10). The caller closes them.
    ///
    /// @throws PeerMisbehaved blaming the member
    static RevealedShares open(
            Primitives primitives, Directory directory, Unmasking unmasking, Secret roundSeed, Envelope envelope)
            throws PeerMisbehaved {
        Survivors survivors = unmasking.survivors();
        Routed routed = survivors.routed();
        Roster roster = routed.roster();
        String who = envelope.sender();
        if (!(directory.verify(primitives, envelope, unmasking.t4()) instanceof SharesRevealed revealed)) {
            throw new PeerMisbehaved(Refusal.UNEXPECTED_MESSAGE, who, "SharesRevealed was expected");
        }
        if (!survivors.ids().contains(who)) {
            throw new PeerMisbehaved(Refusal.NOT_A_SUBSET, who, "is not in U3");
        }
        RevealedShares shares;
        try (Secret plain =
                primitives.open(roundSeed, roster.context().revealInfo(unmasking.t4(), who), revealed.box())) {
            shares = RevealedShares.parse(plain.expose(InsecureSecretAccess.get()));
        } catch (BoxRefused e) {
            throw new PeerMisbehaved(Refusal.SEALED_SHARE, who, "its revealed shares do not open");
        } catch (MalformedMessage e) {
            throw new PeerMisbehaved(Refusal.MALFORMED, who, String.valueOf(e.getMessage()));
        }
        try {
            check(routed, who, Kind.SELF, survivors.ids(), shares.selfShares());
            check(routed, who, Kind.MASK, survivors.dropped(), shares.maskShares());
            return shares;
        } catch (PeerMisbehaved e) {
            shares.close();
            throw e;
        }
    }

    private static void check(
            Routed routed, String who, Kind kind, List<String> owners, List<RevealedShares.Share> shares)
            throws PeerMisbehaved {
        if (!shares.stream().map(RevealedShares.Share::owner).toList().equals(owners)) {
            throw new PeerMisbehaved(Refusal.WRONG_COUNTS, who, "revealed shares of other members than asked for");
        }
        Roster roster = routed.roster();
        for (RevealedShares.Share share : shares) {
            SharesDealt dealt = routed.dealer(share.owner());
            Bytes expected = (kind == Kind.SELF ? dealt.selfShareCommitments() : dealt.maskShareCommitments())
                    .get(roster.indexOf(who));
            try (Secret salt = Secret.take(share.salt().clone());
                    Secret value = Secret.take(share.share().clone())) {
                Bytes commitment = roster.context().shareCommitment(roster.t1(), share.owner(), who, kind, salt, value);
                if (!commitment.equals(expected)) {
                    throw new PeerMisbehaved(
                            Refusal.COMMITMENT, who, "revealed another share of " + share.owner() + " than was dealt");
                }
            }
        }
    }

    /// Opens at least t members' shares and rebuilds every seed. The shares are wiped before it returns.
    ///
    /// @param revealed one `SharesRevealed` each, which [#open] takes
    /// @throws PeerMisbehaved blaming the dealer whose secret does not match what it signed
    static Unmasker rebuild(
            Primitives primitives,
            Directory directory,
            Unmasking unmasking,
            Secret roundSeed,
            Collection<Envelope> revealed)
            throws PeerMisbehaved {
        SortedMap<String, RevealedShares> shares = new TreeMap<>();
        try {
            for (Envelope envelope : revealed) {
                shares.put(envelope.sender(), open(primitives, directory, unmasking, roundSeed, envelope));
            }
            return rebuild(primitives, unmasking, shares);
        } finally {
            shares.values().forEach(RevealedShares::close);
        }
    }

    /// As above, from what [#open] returned, which stays the caller's to close.
    static Unmasker rebuild(Primitives primitives, Unmasking unmasking, SortedMap<String, RevealedShares> revealed)
            throws PeerMisbehaved {
        Unmasker unmasker = new Unmasker(unmasking.survivors());
        try {
            unmasker.rebuild(primitives, revealed);
            return unmasker;
        } catch (PeerMisbehaved | RuntimeException e) {
            unmasker.close();
            throw e;
        }
    }

    private void rebuild(Primitives primitives, SortedMap<String, RevealedShares> revealed) throws PeerMisbehaved {
        Routed routed = survivors.routed();
        Roster roster = routed.roster();
        Shamir.Points points = new Shamir.Points(
                roster.opened().message().threshold(),
                revealed.keySet().stream().map(who -> roster.indexOf(who) + 1).toList());
        for (String survivor : survivors.ids()) {
            Secret self = combine(survivor, Kind.SELF, points, revealed);
            streams.add(new Stream(self, survivor, "", true));
        }
        for (String dropped : survivors.dropped()) {
            Secret master = combine(dropped, Kind.MASK, points, revealed);
            try (Secret seed = context.maskSeed(master, roster.opened().t0(), dropped)) {
                if (!primitives.kemKey(seed).equals(roster.member(dropped).maskKey())) {
                    throw new PeerMisbehaved(Refusal.COMMITMENT, dropped, "its mask key is not from its master");
                }
                Map<String, Secret> kemSecrets = encapsulateAgain(primitives, dropped, master);
                for (String survivor : survivors.ids()) {
                    boolean survivorFirst = survivor.compareTo(dropped) < 0;
                    String first = survivorFirst ? survivor : dropped;
                    String second = survivorFirst ? dropped : survivor;
                    Bytes ciphertext = routed.ciphertext(first, second);
                    Secret kem = survivorFirst
                            ? keep(primitives.decapsulate(seed, ciphertext))
                            : Objects.requireNonNull(kemSecrets.get(survivor));
                    Secret pair = keep(context.pairSeed(kem, routed.t2(), first, second, ciphertext));
                    streams.add(new Stream(pair, first, second, survivorFirst));
                }
            } catch (InvalidKey e) {
                throw new IllegalStateException("keys and ciphertexts were checked before", e);
            }
        }
    }

    /// Recomputes each ciphertext of a dropped member, byte for byte.
    private Map<String, Secret> encapsulateAgain(Primitives primitives, String dropped, Secret master)
            throws PeerMisbehaved, InvalidKey {
        Roster roster = survivors.routed().roster();
        Map<String, Secret> secrets = new HashMap<>();
        for (Roster.Member later : roster.members()
                .subList(roster.indexOf(dropped) + 1, roster.members().size())) {
            try (Secret coins = context.coins(master, roster.t1(), dropped, later.id(), later.maskKey())) {
                Encapsulation made = primitives.encapsulate(later.maskKey(), coins);
                secrets.put(later.id(), keep(made.secret()));
                if (!made.ciphertext().equals(survivors.routed().ciphertext(dropped, later.id()))) {
                    throw new PeerMisbehaved(
                            Refusal.COMMITMENT, dropped, "its ciphertext to " + later.id() + " is not from its master");
                }
            }
        }
        return secrets;
    }

    private Secret combine(String owner, Kind kind, Shamir.Points points, SortedMap<String, RevealedShares> revealed)
            throws PeerMisbehaved {
        Roster roster = survivors.routed().roster();
        // Shares stand in the order of U3, and of those who dropped out: the check of each message saw to it.
        int place = (kind == Kind.SELF ? survivors.ids() : survivors.dropped()).indexOf(owner);
        SortedMap<Integer, Secret> shares = new TreeMap<>();
        revealed.forEach((who, all) -> {
            RevealedShares.Share share = (kind == Kind.SELF ? all.selfShares() : all.maskShares()).get(place);
            shares.put(roster.indexOf(who) + 1, Secret.take(share.share().clone()));
        });
        try {
            Secret secret = keep(points.combine(shares));
            SharesDealt dealt = survivors.routed().dealer(owner);
            Bytes expected = kind == Kind.SELF ? dealt.selfCommitment() : dealt.maskCommitment();
            if (!context.commitment(roster.t1(), owner, kind, secret).equals(expected)) {
                throw new PeerMisbehaved(Refusal.COMMITMENT, owner, "its shares rebuild another secret than committed");
            }
            return secret;
        } catch (InconsistentShares e) {
            throw new PeerMisbehaved(Refusal.COMMITMENT, owner, String.valueOf(e.getMessage()));
        } finally {
            shares.values().forEach(Secret::close);
        }
    }

    /// Takes every mask off the sum of the survivors' chunk `index` of `vector`, in place.
    public void unmask(VectorLayout vector, int index, byte[] packed) {
        Ring ring = Parameters.ring(survivors.routed().roster().opened().message(), vector);
        int length = ring.chunkSize(vector.size(), index) * ring.wordBytes();
        Bytes t2 = survivors.routed().t2();
        List<MaskStream.Term> terms = new ArrayList<>();
        for (Stream stream : streams) {
            Secret key = stream.second.isEmpty()
                    ? context.selfStreamKey(stream.seed, t2, stream.first, vector.name())
                    : context.pairStreamKey(stream.seed, t2, stream.first, stream.second, vector.name());
            terms.add(new MaskStream.Term(key, !stream.added));
        }
        try {
            new MaskStream().apply(ring, packed, length, (long) index * Limits.CHUNK, terms);
        } finally {
            terms.forEach(term -> term.key().close());
        }
    }

    private Secret keep(Secret secret) {
        secrets.add(secret);
        return secret;
    }

    @Override
    public void close() {
        secrets.forEach(Secret::close);
    }
}
