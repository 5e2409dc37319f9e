package dev.sotto.schemas;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// What is inside a `SharesRevealed` box: shares of b_v for survivors, of m_v for dropped members, never
/// both for one member.
///
/// Shares open secrets, so unlike other messages this one can be wiped, does not print, and is written and read
/// without the generated classes, whose copies nobody could wipe. The owner closes it.
///
/// @param selfShares shares of b_v, v in U3, ascending
/// @param maskShares shares of m_v, v in U2 without U3, ascending
public record RevealedShares(List<Share> selfShares, List<Share> maskShares) implements AutoCloseable {
    private static final int SELF_SHARES = 1;
    private static final int MASK_SHARES = 2;
    private static final int OWNER = 1;
    private static final int SHARE = 2;
    private static final int SALT = 3;
    private static final int LENGTH_DELIMITED = 2;

    /// A share with the salt of its commitment. Not thread-safe.
    public static final class Share implements AutoCloseable {
        private static final int SIZE = 32;

        private final String owner;
        private final byte[] share;
        private final byte[] salt;

        /// Takes ownership of both arrays, also when it refuses them: the caller must not use them again.
        ///
        /// @param owner whose secret it is a share of
        /// @param share 32 bytes
        /// @param salt  32 bytes
        /// @throws IllegalArgumentException if a field is outside its limits
        public Share(String owner, byte[] share, byte[] salt) {
            this.owner = owner;
            this.share = share;
            this.salt = salt;
            if (!Topics.isOrganisation(owner) || share.length != SIZE || salt.length != SIZE) {
                close();
                throw new IllegalArgumentException("a revealed share must have an organisation as its owner and " + SIZE
                        + " bytes of share and salt, not " + share.length + " and " + salt.length);
            }
        }

        /// Whose secret it is a share of.
        public String owner() {
            return owner;
        }

        /// The live bytes, not a copy.
        public byte[] share() {
            return share;
        }

        /// The live bytes, not a copy.
        public byte[] salt() {
            return salt;
        }

        private int size() {
            return CodedOutputStream.computeStringSize(OWNER, owner)
                    + CodedOutputStream.computeByteArraySize(SHARE, share)
                    + CodedOutputStream.computeByteArraySize(SALT, salt);
        }

        private void write(int field, CodedOutputStream out) throws IOException {
            out.writeTag(field, LENGTH_DELIMITED);
            out.writeUInt32NoTag(size());
            out.writeString(OWNER, owner);
            out.writeByteArray(SHARE, share);
            out.writeByteArray(SALT, salt);
        }

        /// Overwrites share and salt with zeros.
        @Override
        public void close() {
            Arrays.fill(share, (byte) 0);
            Arrays.fill(salt, (byte) 0);
        }

        @Override
        public String toString() {
            return "Share[" + owner + ", redacted]";
        }
    }

    /// Takes ownership of the shares. Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits; the shares are the caller's then
    public RevealedShares {
        List<String> self =
                Wire.ascending(selfShares.stream().map(Share::owner).toList(), 0, Limits.MAX_MEMBERS, "selfShares");
        List<String> mask =
                Wire.ascending(maskShares.stream().map(Share::owner).toList(), 0, Limits.MAX_MEMBERS, "maskShares");
        Set<String> both = new HashSet<>(self);
        both.retainAll(mask);
        if (!both.isEmpty()) {
            throw new IllegalArgumentException("both kinds of share for one member");
        }
        selfShares = List.copyOf(selfShares);
        maskShares = List.copyOf(maskShares);
    }

    /// The plain text of the box, the caller's to wipe.
    public byte[] encode() {
        byte[] plain = new byte[size(SELF_SHARES, selfShares) + size(MASK_SHARES, maskShares)];
        try {
            CodedOutputStream out = CodedOutputStream.newInstance(plain);
            for (Share share : selfShares) {
                share.write(SELF_SHARES, out);
            }
            for (Share share : maskShares) {
                share.write(MASK_SHARES, out);
            }
            out.checkNoSpaceLeft();
        } catch (IOException e) {
            throw new UncheckedIOException("the array has the size that was computed", e);
        }
        return plain;
    }

    private static int size(int field, List<Share> shares) {
        int size = 0;
        for (Share share : shares) {
            int inner = share.size();
            size += CodedOutputStream.computeTagSize(field) + CodedOutputStream.computeUInt32SizeNoTag(inner) + inner;
        }
        return size;
    }

    /// The message in these bytes, which stay the caller's.
    ///
    /// @throws MalformedMessage if `plain` is not such a message in canonical form; the member that sealed it is at
    ///   fault
    public static RevealedShares parse(byte[] plain) throws MalformedMessage {
        List<Share> selfShares = new ArrayList<>();
        List<Share> maskShares = new ArrayList<>();
        byte[] again = {};
        boolean whole = false;
        try {
            CodedInputStream in = CodedInputStream.newInstance(plain);
            while (!in.isAtEnd()) {
                (in.readTag() >>> 3 == SELF_SHARES ? selfShares : maskShares).add(share(in));
            }
            RevealedShares shares = Wire.make(() -> new RevealedShares(selfShares, maskShares));
            again = shares.encode();
            // Tags of other types, unknown and repeated fields, another order, overlong numbers.
            if (!MessageDigest.isEqual(again, plain)) {
                throw new MalformedMessage("RevealedShares of " + plain.length + " bytes is not canonical");
            }
            whole = true;
            return shares;
        } catch (IOException e) {
            throw new MalformedMessage("RevealedShares of " + plain.length + " bytes is not a protobuf message");
        } finally {
            Arrays.fill(again, (byte) 0);
            if (!whole) {
                selfShares.forEach(Share::close);
                maskShares.forEach(Share::close);
            }
        }
    }

    private static Share share(CodedInputStream in) throws IOException, MalformedMessage {
        int outer = in.pushLimit(in.readRawVarint32());
        String owner = "";
        byte[] share = {};
        byte[] salt = {};
        boolean whole = false;
        try {
            while (!in.isAtEnd()) {
                switch (in.readTag() >>> 3) {
                    case OWNER -> owner = in.readStringRequireUtf8();
                    case SHARE -> share = wiping(share, in);
                    case SALT -> salt = wiping(salt, in);
                    default -> throw new MalformedMessage("RevealedShares has an unknown field");
                }
            }
            in.popLimit(outer);
            whole = true;
        } finally {
            if (!whole) {
                Arrays.fill(share, (byte) 0);
                Arrays.fill(salt, (byte) 0);
            }
        }
        String of = owner;
        byte[] bytes = share;
        byte[] salted = salt;
        return Wire.make(() -> new Share(of, bytes, salted));
    }

    private static byte[] wiping(byte[] before, CodedInputStream in) throws IOException {
        Arrays.fill(before, (byte) 0);
        return in.readByteArray();
    }

    /// Wipes every share.
    @Override
    public void close() {
        selfShares.forEach(Share::close);
        maskShares.forEach(Share::close);
    }
}
