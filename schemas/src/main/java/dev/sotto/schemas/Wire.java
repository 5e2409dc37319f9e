package dev.sotto.schemas;

import com.google.protobuf.ByteOutput;
import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.DiscardUnknownFieldsParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Parser;
import com.google.protobuf.UnsafeByteOperations;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// Between protobuf and the records: canonical decoding and the checks that messages share.
final class Wire {
    /// A record's constructor over fields that a peer chose.
    @FunctionalInterface
    interface Making<T> {
        T make() throws MalformedMessage;
    }

    /// Turns one element of a repeated field into its record.
    @FunctionalInterface
    interface Mapping<F, T> {
        T map(F from) throws MalformedMessage;
    }

    private Wire() {}

    /// Decodes `bytes`, refusing unknown fields and every encoding but the one that we would write.
    ///
    /// The generated parser keeps what it does not know; discarding that and comparing the re-encoding
    /// refuses it together with repeated scalars, unordered fields and overlong numbers. Large fields are not
    /// copied: they stay parts of `bytes`.
    static <T extends com.google.protobuf.Message> T decode(Parser<T> parser, Bytes bytes, String name)
            throws MalformedMessage {
        T message;
        try {
            CodedInputStream in = UnsafeByteOperations.unsafeWrap(bytes.array(), bytes.offset(), bytes.size())
                    .newCodedInput();
            in.enableAliasing(true);
            message = DiscardUnknownFieldsParser.wrap(parser).parseFrom(in);
        } catch (InvalidProtocolBufferException e) {
            throw new MalformedMessage(
                    name + " of " + bytes.size() + " bytes is not a protobuf message: " + e.getMessage());
        }
        if (message.getSerializedSize() != bytes.size() || !encodesAs(message, bytes)) {
            throw new MalformedMessage(name + " of " + bytes.size() + " bytes is not canonical or has unknown fields");
        }
        return message;
    }

    private static boolean encodesAs(com.google.protobuf.Message message, Bytes bytes) {
        Comparing comparing = new Comparing(bytes);
        try {
            message.writeTo(comparing);
        } catch (IOException e) {
            return false;
        }
        return comparing.at == bytes.size();
    }

    /// Takes what is written to it only as long as it is what it expects.
    private static final class Comparing extends OutputStream {
        private final Bytes expected;
        private int at;

        Comparing(Bytes expected) {
            this.expected = expected;
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] written, int from, int length) throws IOException {
            if (!expected.matches(at, written, from, length)) {
                throw new IOException("another encoding");
            }
            at += length;
        }
    }

    /// Runs a record's constructor, whose argument checks are the limits that a peer has broken.
    static <T> T make(Making<T> making) throws MalformedMessage {
        try {
            return making.make();
        } catch (IllegalArgumentException e) {
            throw new MalformedMessage(String.valueOf(e.getMessage()));
        }
    }

    static ByteString wire(Bytes bytes) {
        return UnsafeByteOperations.unsafeWrap(bytes.array(), bytes.offset(), bytes.size());
    }

    /// A byte string never changes: what is most of its array is not copied.
    static Bytes bytes(ByteString wire) {
        Part part = new Part();
        try {
            UnsafeByteOperations.unsafeWriteTo(wire, part);
        } catch (IOException e) {
            throw new IllegalStateException("nothing is written anywhere", e);
        }
        return part.bytes;
    }

    /// Is shown the array behind a byte string.
    private static final class Part extends ByteOutput {
        private Bytes bytes = Bytes.EMPTY;

        @Override
        public void writeLazy(byte[] value, int offset, int length) {
            bytes = Bytes.part(value, offset, length);
        }

        @Override
        public void write(byte[] value, int offset, int length) {
            bytes = Bytes.of(value, offset, length);
        }

        @Override
        public void write(byte value) {
            bytes = Bytes.of(new byte[] {value});
        }

        @Override
        public void write(ByteBuffer value) {
            bytes = Bytes.of(value);
        }

        @Override
        public void writeLazy(ByteBuffer value) {
            bytes = Bytes.of(value);
        }
    }

    static List<ByteString> wire(List<Bytes> list) {
        return list.stream().map(Wire::wire).toList();
    }

    static List<Bytes> bytes(List<ByteString> list) {
        return list.stream().map(Wire::bytes).toList();
    }

    static <F, T> List<T> map(List<F> from, Mapping<F, T> mapping) throws MalformedMessage {
        List<T> to = new ArrayList<>(from.size());
        for (F element : from) {
            to.add(mapping.map(element));
        }
        return List.copyOf(to);
    }

    static Bytes size(Bytes value, int size, String field) {
        if (value.size() != size) {
            throw new IllegalArgumentException(field + " has " + value.size() + " bytes, must have " + size);
        }
        return value;
    }

    static List<Bytes> sizes(List<Bytes> values, int size, String field) {
        for (int i = 0; i < values.size(); i++) {
            size(values.get(i), size, field + "[" + i + "]");
        }
        return List.copyOf(values);
    }

    static <T> List<T> count(List<T> values, int min, int max, String field) {
        if (values.size() < min || values.size() > max) {
            throw new IllegalArgumentException(
                    field + " has " + values.size() + " entries, must have " + min + " to " + max);
        }
        return List.copyOf(values);
    }

    static long range(long value, long min, long max, String field) {
        if (value < min || value > max) {
            throw new IllegalArgumentException(
                    field + " is " + Long.toUnsignedString(value) + ", must be " + min + " to " + max);
        }
        return value;
    }

    static int range(int value, int min, int max, String field) {
        return Math.toIntExact(range((long) value, min, max, field));
    }

    static double finite(double value, double min, double max, String field) {
        if (!(value >= min && value <= max)) {
            throw new IllegalArgumentException(field + " is " + value + ", must be " + min + " to " + max);
        }
        return value;
    }

    static String text(String value, int max, String field) {
        if (value.length() > max || value.chars().anyMatch(Character::isISOControl)) {
            throw new IllegalArgumentException(field + " must be at most " + max + " printable characters");
        }
        return value;
    }

    static String name(String value, String field) {
        if (value.isEmpty()) {
            throw new IllegalArgumentException(field + " must not be empty");
        }
        return text(value, Limits.NAME, field);
    }

    static String organisation(String value, String field) {
        if (!Topics.isOrganisation(value)) {
            throw new IllegalArgumentException(
                    field + " is not an organisation's id ([a-z0-9-]{1,63}, not a reserved name)");
        }
        return value;
    }

    /// Organisation ids are ascending in byte order, each once.
    static List<String> ascending(List<String> ids, int min, int max, String field) {
        count(ids, min, max, field);
        for (int i = 0; i < ids.size(); i++) {
            organisation(ids.get(i), field + "[" + i + "]");
            if (i > 0 && ids.get(i - 1).compareTo(ids.get(i)) >= 0) {
                throw new IllegalArgumentException(field + " must be ascending, each once; entry " + i + " is not");
            }
        }
        return List.copyOf(ids);
    }
}
