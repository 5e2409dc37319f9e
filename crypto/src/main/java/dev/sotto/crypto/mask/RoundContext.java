package dev.sotto.crypto.mask;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Hkdf;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Every formula of the table in protocol §3, for one attempt of one round. The names are the protocol's.
///
/// Each [Secret] that a method returns is the caller's to close. Immutable, thread-safe.
///
/// @param federation its id
/// @param round      from 0
/// @param attempt    from 1; 0 for the model of version 0
public record RoundContext(String federation, long round, long attempt) {
    private static final int SIZE = 32;
    private static final String PROTOCOL = "sotto/1";

    /// Which of the two shared secrets of a member.
    public enum Kind {
        /// The master m_u.
        MASK("m"),
        /// The self mask b_u.
        SELF("b");

        private final String letter;

        Kind(String letter) {
            this.letter = letter;
        }
    }

    /// ctx(label, T, ids…).
    public Bytes ctx(String label, Bytes transcript, Object... ids) {
        return Enc.of(items(label, transcript, ids));
    }

    private Object[] items(String label, Bytes transcript, Object... ids) {
        List<Object> items = new ArrayList<>(List.of(PROTOCOL, label, federation, round, attempt, transcript));
        items.addAll(Arrays.asList(ids));
        return items.toArray();
    }

    /// A draw of member u: HKDF(its secret salt, fresh 32 bytes, ctx("draw", T0, u, kind)), 32 bytes.
    public Secret draw(Secret salt, Secret fresh, Bytes t0, String u, String kind) {
        return Hkdf.derive(salt, fresh, ctx("draw", t0, u, kind), SIZE);
    }

    /// The X-Wing seed of u's mask key, from its master.
    public Secret maskSeed(Secret master, Bytes t0, String u) {
        return Hkdf.expand(master, ctx("mask-kem", t0, u), SIZE);
    }

    /// The coins of u → v, 64 bytes, bound to v's key.
    public Secret coins(Secret master, Bytes t1, String u, String v, Bytes keyOfV) {
        return Hkdf.expand(master, ctx("mask-coins", t1, u, v, Enc.sha256(keyOfV)), 2 * SIZE);
    }

    /// s_uv, u first in the roster, from the KEM secret and ciphertext of u → v.
    public Secret pairSeed(Secret kemSecret, Bytes t2, String u, String v, Bytes ciphertext) {
        try (Secret key = Hkdf.extract(t2, kemSecret)) {
            return Hkdf.expand(key, ctx("pair", t2, u, v, Enc.sha256(ciphertext)), SIZE);
        }
    }

    /// The key of the mask stream of one vector between u and v, u first in the roster.
    public Secret pairStreamKey(Secret pairSeed, Bytes t2, String u, String v, String vector) {
        return Hkdf.expand(pairSeed, ctx("mask-pair", t2, u, v, vector), SIZE);
    }

    /// The key of u's own mask stream of one vector.
    public Secret selfStreamKey(Secret selfMask, Bytes t2, String u, String vector) {
        return Hkdf.expand(selfMask, ctx("mask-self", t2, u, vector), SIZE);
    }

    /// The commitment to m_u or b_u.
    public Bytes commitment(Bytes t1, String dealer, Kind kind, Secret secret) {
        return Enc.hash(items("commit", t1, dealer, kind.letter, secret));
    }

    /// The commitment to the receiver's share.
    public Bytes shareCommitment(Bytes t1, String dealer, String receiver, Kind kind, Secret salt, Secret share) {
        return Enc.hash(items("commit-share", t1, dealer, receiver, kind.letter, salt, share));
    }

    /// HPKE info of a sealed share.
    public Bytes shareInfo(Bytes t1, String dealer, String receiver) {
        return ctx("share", t1, dealer, receiver);
    }

    /// HPKE info of revealed shares.
    public Bytes revealInfo(Bytes t4, String member) {
        return ctx("reveal", t4, member);
    }

    /// HPKE info of the round key's seed for a member.
    public Bytes closedInfo(Bytes t4, String member) {
        return ctx("closed", t4, member);
    }

    /// HPKE info of a model version's key for a member. A version belongs to no attempt once it is made:
    /// the context's round is the version, its attempt 0.
    public static Bytes modelInfo(String federation, Bytes digest, long version, String member) {
        return new RoundContext(federation, version, 0).ctx("model", digest, version, member);
    }

    /// The seed of the coordinator's round key.
    public Secret roundKeySeed(Secret k, Bytes nonce) {
        return Hkdf.expand(k, Enc.of(PROTOCOL, "coordinator-round", federation, round, attempt, nonce), SIZE);
    }

    /// The key that encrypts the version which this attempt makes.
    ///
    /// @param t4 or, for version 0, its digest
    public Secret modelKey(Secret k, Bytes t4) {
        return Hkdf.expand(k, ctx("model-key", t4), SIZE);
    }

    /// The key under which the coordinator's slots tell each other of this attempt's sum.
    ///
    /// @param what is told: a key encrypts one thing of one slot
    public Secret slotKey(Secret k, Bytes t4, String what, int slot) {
        return Hkdf.expand(k, ctx("slot-key", t4, what, slot), SIZE);
    }

    /// T_i = H(enc("sotto/1/type", T_{i−1}, payload)).
    public static Bytes transcript(String type, Bytes previous, Bytes payload) {
        return Enc.hash(PROTOCOL + "/" + type, previous, payload);
    }
}
