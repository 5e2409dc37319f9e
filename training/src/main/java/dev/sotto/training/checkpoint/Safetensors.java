package dev.sotto.training.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/// The safetensors format: 8 bytes of header length, a JSON header, then the tensors, little-endian.
///
/// Our own, because DJL's reader holds the whole file on the heap and aborts the process on bf16. Files are
/// memory-mapped; writing holds one tensor at a time. A tensor is smaller than 2 GiB.
public final class Safetensors {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int MAX_HEADER = 100_000_000;

    private Safetensors() {}

    /// How a value is stored.
    public enum Type {
        /// binary32.
        F32(4),
        /// The upper half of a binary32.
        BF16(2),
        /// binary16.
        F16(2),
        /// A 32-bit integer.
        I32(4);

        private final int width;

        Type(int width) {
            this.width = width;
        }

        private float read(ByteBuffer bytes, int at) {
            return switch (this) {
                case F32 -> bytes.getFloat(4 * at);
                case BF16 -> Float.intBitsToFloat(bytes.getShort(2 * at) << 16);
                case F16 -> Float.float16ToFloat(bytes.getShort(2 * at));
                case I32 -> bytes.getInt(4 * at);
            };
        }

        /// To the nearest value that this type has, ties to even.
        private void write(ByteBuffer bytes, float value) {
            switch (this) {
                case F32 -> bytes.putFloat(value);
                case BF16 -> bytes.putShort(bfloat16(value));
                case F16 -> bytes.putShort(Float.floatToFloat16(value));
                case I32 -> bytes.putInt(Math.round(value));
            }
        }
    }

    private static short bfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> 16 | 0x40);
        }
        return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
    }

    /// One tensor on the heap, row-major.
    ///
    /// @param shape  its dimensions
    /// @param values as many as the shape's product
    @SuppressWarnings("ArrayRecordComponent")
    public record Tensor(List<Integer> shape, float[] values) {
        /// Copies the shape.
        public Tensor {
            shape = List.copyOf(shape);
        }
    }

    /// One tensor of a mapped file, row-major.
    ///
    /// @param file  where it is
    /// @param bytes the values, direct, read-only, little-endian; unmapped when nothing refers to it
    public record Mapped(Path file, Type type, List<Integer> shape, ByteBuffer bytes) {
        /// Copies the shape.
        public Mapped {
            shape = List.copyOf(shape);
        }

        /// How many values.
        public int size() {
            return bytes.capacity() / type.width;
        }

        /// A copy of the values as binary32, exact.
        public float[] values() {
            float[] values = new float[size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = type.read(bytes, i);
            }
            return values;
        }
    }

    /// All tensors of a file as binary32, in its order.
    ///
    /// @throws InvalidFile if it is not such a file, naming the tensor at fault
    public static Map<String, Tensor> read(Path file) throws IOException, InvalidFile {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        map(file).forEach((name, mapped) -> tensors.put(name, new Tensor(mapped.shape(), mapped.values())));
        return tensors;
    }

    /// All tensors of a file, in its order, without reading them.
    ///
    /// @throws InvalidFile if it is not such a file, naming the tensor at fault
    public static Map<String, Mapped> map(Path file) throws IOException, InvalidFile {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            JsonNode header = header(file, channel);
            long start = 8 + headerLength(file, channel);
            MemorySegment data =
                    channel.map(FileChannel.MapMode.READ_ONLY, start, channel.size() - start, Arena.ofAuto());
            Map<String, Mapped> tensors = new LinkedHashMap<>();
            long left = data.byteSize();
            for (Map.Entry<String, JsonNode> entry : header.properties()) {
                if (!entry.getKey().equals("__metadata__")) {
                    Mapped mapped = tensor(file, data, entry.getKey(), entry.getValue());
                    left -= mapped.bytes().capacity();
                    if (left < 0) {
                        throw new InvalidFile(file, "tensor " + entry.getKey() + " overlaps another");
                    }
                    tensors.put(entry.getKey(), mapped);
                }
            }
            return tensors;
        }
    }

    /// The texts that a file carries beside its tensors.
    public static Map<String, String> metadata(Path file) throws IOException, InvalidFile {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            Map<String, String> metadata = new LinkedHashMap<>();
            header(file, channel)
                    .path("__metadata__")
                    .properties()
                    .forEach(entry ->
                            metadata.put(entry.getKey(), entry.getValue().asText()));
            return metadata;
        }
    }

    private static long headerLength(Path file, FileChannel channel) throws IOException, InvalidFile {
        ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        if (channel.read(length, 0) < 8) {
            throw new InvalidFile(file, "too short for a safetensors file");
        }
        long header = length.flip().getLong();
        if (header < 2 || header > MAX_HEADER || 8 + header > channel.size()) {
            throw new InvalidFile(file, "its header claims " + header + " bytes");
        }
        return header;
    }

    private static JsonNode header(Path file, FileChannel channel) throws IOException, InvalidFile {
        ByteBuffer json = ByteBuffer.allocate((int) headerLength(file, channel));
        while (json.hasRemaining()) {
            if (channel.read(json, 8 + json.position()) < 0) {
                throw new InvalidFile(file, "was cut while it was read");
            }
        }
        return Json.object(file, "its header", json.flip());
    }

    private static Mapped tensor(Path file, MemorySegment data, String name, JsonNode node) throws InvalidFile {
        Type type;
        try {
            type = Type.valueOf(node.path("dtype").asText());
        } catch (IllegalArgumentException e) {
            throw new InvalidFile(
                    file,
                    "tensor " + name + " has type " + node.path("dtype") + ", must be one of "
                            + List.of(Type.values()));
        }
        List<Integer> shape = new ArrayList<>();
        long size = 1;
        for (JsonNode dimension : node.path("shape")) {
            if (!dimension.isInt() || dimension.intValue() < 0) {
                throw new InvalidFile(file, "tensor " + name + " has dimension " + dimension);
            }
            shape.add(dimension.intValue());
            size = Math.min(size * dimension.intValue(), Integer.MAX_VALUE);
        }
        long begin = offset(node, 0);
        long end = offset(node, 1);
        long bytes = size * type.width;
        if (begin < 0 || begin > data.byteSize() || end != begin + bytes || end > data.byteSize()) {
            throw new InvalidFile(
                    file,
                    "tensor " + name + " has offsets " + begin + " to " + end + " for " + size + " values of "
                            + type.width + " bytes");
        }
        if (bytes > Integer.MAX_VALUE) {
            throw new InvalidFile(file, "tensor " + name + " has " + bytes + " bytes, must have fewer than 2 GiB");
        }
        return new Mapped(
                file, type, shape, data.asSlice(begin, bytes).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN));
    }

    private static long offset(JsonNode node, int index) {
        JsonNode offset = node.path("data_offsets").path(index);
        return offset.isIntegralNumber() && offset.canConvertToLong() ? offset.longValue() : -1;
    }

    /// A tensor to write.
    ///
    /// @param values asked for once, when its turn comes; as many as the shape's product
    public record Written(Type type, List<Integer> shape, Supplier<float[]> values) {
        private int bytes() {
            return Math.toIntExact(shape.stream().mapToLong(i -> i).reduce(type.width, Math::multiplyExact));
        }
    }

    /// Writes F32 tensors in the given order, with the metadata that PEFT expects.
    public static void write(Path file, Map<String, Tensor> tensors) throws IOException {
        Map<String, Written> written = new LinkedHashMap<>();
        tensors.forEach((name, tensor) -> written.put(name, new Written(Type.F32, tensor.shape(), tensor::values)));
        write(file, Map.of("format", "pt"), written);
    }

    /// Writes tensors in the given order, converted to the type that each is to have.
    public static void write(Path file, Map<String, String> metadata, Map<String, Written> tensors) throws IOException {
        ObjectNode header = JSON.createObjectNode();
        metadata.forEach(header.putObject("__metadata__")::put);
        long at = 0;
        for (Map.Entry<String, Written> entry : tensors.entrySet()) {
            ObjectNode node = header.putObject(entry.getKey());
            node.put("dtype", entry.getValue().type().name());
            entry.getValue().shape().forEach(node.putArray("shape")::add);
            long end = at + entry.getValue().bytes();
            node.putArray("data_offsets").add(at).add(end);
            at = end;
        }
        byte[] json = JSON.writeValueAsBytes(header);
        int padding = (8 - json.length % 8) % 8;
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            write(
                    channel,
                    ByteBuffer.allocate(8)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putLong(json.length + padding)
                            .flip());
            write(channel, ByteBuffer.wrap(json));
            write(channel, ByteBuffer.wrap(" ".repeat(padding).getBytes(StandardCharsets.US_ASCII)));
            for (Map.Entry<String, Written> entry : tensors.entrySet()) {
                write(channel, encoded(entry.getKey(), entry.getValue()));
            }
        }
    }

    private static ByteBuffer encoded(String name, Written tensor) {
        ByteBuffer bytes = ByteBuffer.allocate(tensor.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        float[] values = tensor.values().get();
        if (values.length * (long) tensor.type().width != bytes.capacity()) {
            throw new IllegalArgumentException(name + " has " + values.length + " values for shape " + tensor.shape());
        }
        for (float value : values) {
            tensor.type().write(bytes, value);
        }
        return bytes.flip();
    }

    private static void write(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }
}
