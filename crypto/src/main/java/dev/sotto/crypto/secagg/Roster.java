package dev.sotto.crypto.secagg;

import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.KeysAdvertised;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.Protocol;
import dev.sotto.schemas.RosterSealed;
import dev.sotto.schemas.RoundOfOtherVersion;
import dev.sotto.schemas.Topics;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// U1, verified: whoever holds one knows that every key in it was signed and is valid.
///
/// @param opened  the attempt
/// @param t1      T1
/// @param members in roster order
public record Roster(Opened opened, Bytes t1, List<Member> members) {
    /// One member of U1.
    ///
    /// @param id         its organisation
    /// @param channelKey X-Wing, for sealed shares
    /// @param maskKey    X-Wing, from its master
    /// @param signed     its `KeysAdvertised`, as signed
    public record Member(String id, Bytes channelKey, Bytes maskKey, Bytes signed) {}

    /// Copies the list.
    public Roster {
        members = List.copyOf(members);
    }

    /// The ids in roster order.
    public List<String> ids() {
        return members.stream().map(Member::id).toList();
    }

    /// The place of `id`, from 0, or −1.
    public int indexOf(String id) {
        for (int i = 0; i < members.size(); i++) {
            if (members.get(i).id().equals(id)) {
                return i;
            }
        }
        return -1;
    }

    Member member(String id) {
        return members.get(indexOf(id));
    }

    RoundContext context() {
        return opened.context();
    }

    /// Checks one member's keys (step 2 of protocol §5).
    static Member advertised(Primitives primitives, Directory directory, Opened opened, Envelope envelope)
            throws PeerMisbehaved {
        String who = envelope.sender();
        if (!(directory.verify(primitives, envelope, opened.t0()) instanceof KeysAdvertised keys)) {
            throw new PeerMisbehaved(Refusal.UNEXPECTED_MESSAGE, who, "KeysAdvertised was expected");
        }
        if (!opened.message().cohort().contains(who)) {
            throw new PeerMisbehaved(Refusal.NOT_A_SUBSET, who, "is not in the cohort");
        }
        if (!keys.previous().equals(opened.message().previous())) {
            throw new PeerMisbehaved(Refusal.FORKED_LOG, who, "advertised keys on another log");
        }
        try {
            primitives.checkKemKey(keys.channelKey());
            primitives.checkKemKey(keys.maskKey());
        } catch (InvalidKey e) {
            throw new PeerMisbehaved(Refusal.INVALID_KEY, who, String.valueOf(e.getMessage()));
        }
        return new Member(who, keys.channelKey(), keys.maskKey(), envelope.encode());
    }

    /// Checks a sealed roster (step 3).
    ///
    /// @param fewest the checking party's smallest U1
    /// @throws PeerMisbehaved blaming the coordinator, who must not seal what it can see is wrong
    static Roster verify(
            Primitives primitives, Directory directory, Opened opened, RosterSealed sealed, Bytes t1, int fewest)
            throws PeerMisbehaved {
        List<Member> members = new ArrayList<>();
        Set<Bytes> halves = new HashSet<>();
        for (Bytes signed : sealed.keysAdvertised()) {
            Member member;
            try {
                Envelope envelope = Envelope.decode(signed);
                if (envelope.type() != MessageType.KEYS_ADVERTISED) {
                    throw coordinator(Refusal.UNEXPECTED_MESSAGE, "the roster holds a " + envelope.type());
                }
                member = advertised(primitives, directory, opened, envelope);
            } catch (MalformedMessage e) {
                throw coordinator(Refusal.MALFORMED, "the roster holds no envelope: " + e.getMessage());
            } catch (PeerMisbehaved e) {
                throw coordinator(e.reason(), "the roster holds what must be refused: " + e.getMessage());
            }
            if (!members.isEmpty() && members.getLast().id().compareTo(member.id()) >= 0) {
                throw coordinator(Refusal.NOT_A_SUBSET, "the roster is not in ascending order at " + member.id());
            }
            if (!addHalves(halves, member.channelKey(), member.maskKey())) {
                throw coordinator(Refusal.REPEATED_KEY, "a key of " + member.id() + " appears twice");
            }
            members.add(member);
        }
        if (members.size() < fewest) {
            throw coordinator(Refusal.TOO_FEW, "the roster has " + members.size() + " members, need " + fewest);
        }
        return new Roster(opened, t1, members);
    }

    /// Whether no half of a member's keys was there before: each is added.
    static boolean addHalves(Set<Bytes> halves, Bytes channelKey, Bytes maskKey) {
        boolean fresh = true;
        int split = Limits.XWING_PUBLIC_KEY - 32;
        for (Bytes key : List.of(channelKey, maskKey)) {
            fresh &= halves.add(key.slice(0, split));
            fresh &= halves.add(key.slice(split, key.size()));
        }
        return fresh;
    }

    static PeerMisbehaved coordinator(Refusal reason, String detail) {
        return new PeerMisbehaved(reason, Topics.COORDINATOR, detail);
    }

    static PeerMisbehaved otherProtocol(RoundOfOtherVersion opened) {
        return coordinator(
                Refusal.OTHER_PROTOCOL,
                "round " + opened.round() + " is of version " + opened.protocol()
                        + " of the protocol, this program speaks version " + Protocol.VERSION + ": update it");
    }
}
