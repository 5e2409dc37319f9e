package dev.sotto.crypto.secagg;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.SharesDealt;
import dev.sotto.schemas.SharesRouted;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/// U2, verified: every dealer's message was signed and holds valid ciphertexts.
///
/// The messages together take about 2 kB for each pair of members. The coordinator keeps them for the
/// attempt; a member forgets them when it has opened its own shares, and recalls them to recompute.
///
/// @param roster   U1
/// @param t2       T2
/// @param dealt    by dealer, the hash of its signed `SharesDealt`
/// @param messages by dealer; empty once forgotten
public record Routed(Roster roster, Bytes t2, SortedMap<String, Bytes> dealt, SortedMap<String, SharesDealt> messages) {
    /// U2 in roster order.
    public List<String> ids() {
        return List.copyOf(dealt.keySet());
    }

    /// The box that `dealer` sealed to `receiver`.
    Bytes box(String dealer, String receiver) {
        int place = roster.indexOf(receiver);
        return dealer(dealer).boxes().get(place < roster.indexOf(dealer) ? place : place - 1);
    }

    /// ct of `dealer` to a later `receiver`.
    Bytes ciphertext(String dealer, String receiver) {
        return dealer(dealer).ciphertexts().get(roster.indexOf(receiver) - roster.indexOf(dealer) - 1);
    }

    SharesDealt dealer(String id) {
        SharesDealt found = messages.get(id);
        if (found == null) {
            throw new IllegalArgumentException(id + " is not in U2, or what it dealt was forgotten");
        }
        return found;
    }

    /// Without the messages.
    Routed forget() {
        return new Routed(roster, t2, dealt, Collections.emptySortedMap());
    }

    /// With the messages, found again by their hashes: what they hold was verified before.
    ///
    /// @param inboxes the signed `SharesDealt` of the attempt; other messages are ignored
    /// @throws PeerMisbehaved blaming the coordinator, who routed what is not in the log
    Routed recall(Collection<Envelope> inboxes) throws PeerMisbehaved {
        SortedMap<String, SharesDealt> found = new TreeMap<>();
        for (Envelope envelope : inboxes) {
            Bytes hash = dealt.get(envelope.sender());
            if (hash != null
                    && envelope.type() == MessageType.SHARES_DEALT
                    && hash.equals(Enc.sha256(envelope.encode()))) {
                try {
                    found.put(envelope.sender(), SharesDealt.parse(envelope.payload()));
                } catch (MalformedMessage e) {
                    throw new IllegalStateException("it was verified when it was routed", e);
                }
            }
        }
        for (String dealer : dealt.keySet()) {
            if (!found.containsKey(dealer)) {
                throw Roster.coordinator(Refusal.OTHER_RESULT, "routed shares that " + dealer + " has not published");
            }
        }
        return new Routed(roster, t2, dealt, found);
    }

    /// Checks one dealer's message as far as anyone can without opening a box (step 4).
    static SharesDealt dealt(Primitives primitives, Directory directory, Roster roster, Envelope envelope)
            throws PeerMisbehaved {
        String who = envelope.sender();
        if (!(directory.verify(primitives, envelope, roster.t1()) instanceof SharesDealt dealt)) {
            throw new PeerMisbehaved(Refusal.UNEXPECTED_MESSAGE, who, "SharesDealt was expected");
        }
        int place = roster.indexOf(who);
        if (place < 0) {
            throw new PeerMisbehaved(Refusal.NOT_A_SUBSET, who, "is not in the roster");
        }
        int others = roster.members().size() - 1;
        if (dealt.boxes().size() != others
                || dealt.ciphertexts().size() != others - place
                || dealt.maskShareCommitments().size() != others + 1) {
            throw new PeerMisbehaved(Refusal.WRONG_COUNTS, who, "dealt for another number of members");
        }
        Set<Bytes> halves = new HashSet<>();
        for (Bytes ciphertext : dealt.ciphertexts()) {
            try {
                primitives.checkCiphertext(ciphertext);
            } catch (InvalidKey e) {
                throw new PeerMisbehaved(Refusal.INVALID_KEY, who, String.valueOf(e.getMessage()));
            }
            int split = Limits.XWING_CIPHERTEXT - 32;
            if (!halves.add(ciphertext.slice(0, split)) || !halves.add(ciphertext.slice(split, ciphertext.size()))) {
                throw new PeerMisbehaved(Refusal.REPEATED_KEY, who, "a ciphertext appears twice");
            }
        }
        return dealt;
    }

    /// Checks U2 against the dealers' signed messages (step 5).
    ///
    /// @param inboxes the signed `SharesDealt` that the caller read; those that U2 does not name are
    ///   ignored
    static Routed verify(
            Primitives primitives,
            Directory directory,
            Roster roster,
            SharesRouted sealed,
            Bytes t2,
            Collection<Envelope> inboxes)
            throws PeerMisbehaved {
        Map<Bytes, Envelope> byHash = new HashMap<>();
        inboxes.forEach(envelope -> byHash.put(Enc.sha256(envelope.encode()), envelope));
        SortedMap<String, Bytes> dealt = new TreeMap<>();
        SortedMap<String, SharesDealt> messages = new TreeMap<>();
        for (NamedHash named : sealed.dealers()) {
            Envelope envelope = byHash.get(named.hash());
            if (roster.indexOf(named.organisation()) < 0) {
                throw Roster.coordinator(Refusal.NOT_A_SUBSET, named.organisation() + " is not in the roster");
            }
            if (envelope == null || !envelope.sender().equals(named.organisation())) {
                throw Roster.coordinator(
                        Refusal.EQUIVOCATION, "U2 names shares that " + named.organisation() + " has not published");
            }
            dealt.put(named.organisation(), named.hash());
            messages.put(named.organisation(), dealt(primitives, directory, roster, envelope));
        }
        if (dealt.size() < roster.opened().fewest()) {
            throw Roster.coordinator(
                    Refusal.TOO_FEW,
                    "U2 has " + dealt.size() + " members, need "
                            + roster.opened().fewest());
        }
        return new Routed(roster, t2, dealt, messages);
    }
}
