package dev.sotto.crypto.secagg;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.fuzz.Program;
import java.util.List;
import java.util.Objects;

/// A payload with one field changed, as protobuf sees it: what gets past every parser, and is wrong.
final class Mutant {
    private static final List<String> NAMES =
            List.of("org-a", "org-b", "org-c", "org-d", "org-e", "coordinator", "", "adapter", "scalars", "exact");

    private final Program program;

    Mutant(Program program) {
        this.program = program;
    }

    Bytes of(MessageType type, Bytes payload) {
        Descriptor descriptor = Objects.requireNonNull(
                dev.sotto.schemas.proto.Envelope.getDescriptor().getFile().findMessageTypeByName(type.wireName()));
        try {
            DynamicMessage.Builder message = DynamicMessage.parseFrom(descriptor, payload.toArray()).toBuilder();
            change(message);
            return Bytes.of(message.build().toByteArray());
        } catch (InvalidProtocolBufferException e) {
            return payload;
        }
    }

    private void change(Message.Builder message) {
        List<FieldDescriptor> fields = message.getDescriptorForType().getFields();
        if (fields.isEmpty()) {
            return;
        }
        FieldDescriptor field = program.of(fields);
        if (field.isRepeated()) {
            changeList(message, field);
        } else if (field.getJavaType() == FieldDescriptor.JavaType.MESSAGE) {
            Message.Builder inner = ((Message) message.getField(field)).toBuilder();
            change(inner);
            message.setField(field, inner.build());
        } else {
            message.setField(field, changed(field, message.getField(field)));
        }
    }

    private void changeList(Message.Builder message, FieldDescriptor field) {
        int count = message.getRepeatedFieldCount(field);
        if (count == 0) {
            return;
        }
        int at = program.below(count);
        Object element = message.getRepeatedField(field, at);
        switch (program.below(6)) {
            case 0 -> {
                List<?> all = List.copyOf((List<?>) message.getField(field));
                message.clearField(field);
                for (int i = 0; i < count; i++) {
                    if (i != at) {
                        message.addRepeatedField(field, all.get(i));
                    }
                }
            }
            case 1 -> message.addRepeatedField(field, element);
            case 2 -> {
                int other = program.below(count);
                message.setRepeatedField(field, at, message.getRepeatedField(field, other));
                message.setRepeatedField(field, other, element);
            }
            case 3 -> message.setRepeatedField(field, at, message.getRepeatedField(field, program.below(count)));
            default -> {
                if (element instanceof Message inner) {
                    Message.Builder builder = inner.toBuilder();
                    change(builder);
                    message.setRepeatedField(field, at, builder.build());
                } else {
                    message.setRepeatedField(field, at, changed(field, element));
                }
            }
        }
    }

    private Object changed(FieldDescriptor field, Object value) {
        return switch (field.getJavaType()) {
            case INT -> (int) number((int) value);
            case LONG -> number((long) value);
            case BOOLEAN -> !(boolean) value;
            case DOUBLE ->
                program.of(List.of(
                        Double.NaN, -0.0, Double.MAX_VALUE, Double.MIN_VALUE, -(double) value, 2 * (double) value));
            case STRING -> program.of(NAMES);
            case BYTE_STRING -> ByteString.copyFrom(bytes(((ByteString) value).toByteArray()));
            case FLOAT, ENUM, MESSAGE -> throw new IllegalStateException("no such field in the schema: " + field);
        };
    }

    private long number(long value) {
        return switch (program.below(8)) {
            case 0 -> value + 1;
            case 1 -> value - 1;
            case 2 -> 0;
            case 3 -> Integer.MAX_VALUE;
            case 4 -> Integer.MIN_VALUE;
            case 5 -> Long.MAX_VALUE;
            case 6 -> value ^ 1L << program.below(64);
            default -> program.next();
        };
    }

    private byte[] bytes(byte[] value) {
        if (value.length == 0) {
            return program.bytes(8);
        }
        int at = program.below(Math.min(value.length, 65_536));
        switch (program.below(6)) {
            case 0 -> value[at] ^= (byte) (1 << program.below(8));
            case 1 -> java.util.Arrays.fill(value, (byte) 0);
            case 2 -> java.util.Arrays.fill(value, at, value.length, (byte) 0xff);
            case 3 -> {
                return java.util.Arrays.copyOf(value, at);
            }
            case 4 -> {
                return java.util.Arrays.copyOf(value, value.length + 1);
            }
            default -> {
                byte[] other = program.bytes(32);
                System.arraycopy(other, 0, value, at, Math.min(other.length, value.length - at));
            }
        }
        return value;
    }
}
