package dev.sotto.training.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The safetensors format: 8 bytes of header length, a JSON header, then the tensors, little-endian.
///
/// Our own, because DJL's reader holds the whole file on the heap and aborts the process on bf16. Reads
/// F32, BF16 (widened exactly) and I32; writes F32.
public final class Safetensors {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int MAX_HEADER = 100_000_000;

    private Safetensors() {}

    /// One tensor, row-major.
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

    /// All tensors of a file, in its order.
    ///
    /// @throws InvalidFile if it is not such a file, naming the tensor at fault
    public static Map<String, Tensor> read(Path file) throws IOException, InvalidFile {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            if (channel.read(length) < 8) {
                throw new InvalidFile(file, "too short for a safetensors file");
            }
            long header = length.flip().getLong();
            if (header < 2 || header > MAX_HEADER || 8 + header > channel.size()) {
                throw new InvalidFile(file, "its header claims " + header + " bytes");
            }
            ByteBuffer json = ByteBuffer.allocate((int) header);
            while (json.hasRemaining() && channel.read(json, 8 + json.position()) >= 0) {}
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            long left = channel.size() - 8 - header;
            for (Map.Entry<String, JsonNode> entry :
                    Json.object(file, "its header", json.flip()).properties()) {
                if (!entry.getKey().equals("__metadata__")) {
                    Place place = place(file, entry.getKey(), entry.getValue(), channel.size() - 8 - header);
                    left -= place.end - place.begin;
                    if (left < 0) {
                        throw new InvalidFile(file, "tensor " + entry.getKey() + " overlaps another");
                    }
                    tensors.put(entry.getKey(), tensor(channel, 8 + header, place));
                }
            }
            return tensors;
        }
    }

    /// Where a tensor's bytes stand after the header.
    private record Place(List<Integer> shape, String type, int size, long begin, long end) {}

    private static Place place(Path file, String name, JsonNode node, long most) throws InvalidFile {
        String type = node.path("dtype").asText();
        if (!List.of("F32", "BF16", "I32").contains(type)) {
            throw new InvalidFile(file, "tensor " + name + " has type '" + type + "', must be F32, BF16 or I32");
        }
        int width = type.equals("BF16") ? 2 : 4;
        List<Integer> shape = new ArrayList<>();
        long size = 1;
        for (JsonNode dimension : node.path("shape")) {
            if (!dimension.isInt() || dimension.intValue() < 0) {
                throw new InvalidFile(file, "tensor " + name + " has dimension " + dimension);
            }
            shape.add(dimension.intValue());
            size *= dimension.intValue();
            if (size > Integer.MAX_VALUE / width) {
                throw new InvalidFile(
                        file,
                        "tensor " + name + " of shape " + node.path("shape") + " and type " + type + " has more than "
                                + Integer.MAX_VALUE + " bytes");
            }
        }
        long begin = offset(node, 0);
        long end = offset(node, 1);
        if (begin < 0 || end < begin || end > most || end - begin != size * width) {
            throw new InvalidFile(
                    file,
                    "tensor " + name + " has offsets " + node.path("data_offsets") + " for " + size + " values of "
                            + width + " bytes, and " + most + " bytes follow the header");
        }
        return new Place(shape, type, (int) size, begin, end);
    }

    private static long offset(JsonNode node, int index) {
        JsonNode offset = node.path("data_offsets").path(index);
        return offset.isIntegralNumber() && offset.canConvertToLong() ? offset.longValue() : -1;
    }

    private static Tensor tensor(FileChannel channel, long start, Place place) throws IOException {
        ByteBuffer bytes = channel.map(FileChannel.MapMode.READ_ONLY, start + place.begin, place.end - place.begin)
                .order(ByteOrder.LITTLE_ENDIAN);
        float[] values = new float[place.size];
        for (int i = 0; i < values.length; i++) {
            values[i] = switch (place.type) {
                case "BF16" -> Float.intBitsToFloat(bytes.getShort(2 * i) << 16);
                case "I32" -> bytes.getInt(4 * i);
                default -> bytes.getFloat(4 * i);
            };
        }
        return new Tensor(place.shape, values);
    }

    /// Writes F32 tensors in the given order, with the metadata that PEFT expects.
    public static void write(Path file, Map<String, Tensor> tensors) throws IOException {
        ObjectNode header = JSON.createObjectNode();
        header.putObject("__metadata__").put("format", "pt");
        long at = 0;
        for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
            ObjectNode node = header.putObject(entry.getKey());
            node.put("dtype", "F32");
            entry.getValue().shape().forEach(node.putArray("shape")::add);
            long end = at + 4L * entry.getValue().values().length;
            node.putArray("data_offsets").add(at).add(end);
            at = end;
        }
        String text = JSON.writeValueAsString(header);
        byte[] json = (text + " ".repeat((8 - text.length() % 8) % 8)).getBytes(StandardCharsets.UTF_8);
        ByteBuffer out =
                ByteBuffer.allocate(Math.toIntExact(8 + json.length + at)).order(ByteOrder.LITTLE_ENDIAN);
        out.putLong(json.length).put(json);
        tensors.values().forEach(tensor -> {
            for (float value : tensor.values()) {
                out.putFloat(value);
            }
        });
        Files.write(file, out.array());
    }
}
