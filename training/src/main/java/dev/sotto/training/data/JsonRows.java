package dev.sotto.training.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeType;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// JSON records: lines, or the elements of one array.
final class JsonRows {
    private static final ObjectMapper JSON = new ObjectMapper(JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};

    private JsonRows() {}

    /// An array if a key is given or the first character is `[`, else lines.
    static Rows open(Path file, Optional<String> key) throws IOException, InvalidFile {
        InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
        try {
            in.mark(BYTE_ORDER_MARK.length);
            if (!java.util.Arrays.equals(in.readNBytes(BYTE_ORDER_MARK.length), BYTE_ORDER_MARK)) {
                in.reset();
            }
            int blank = 0;
            in.mark(1 << 16);
            int first = in.read();
            while (first >= 0 && first <= ' ' && ++blank < 1 << 16) {
                first = in.read();
            }
            in.reset();
            return key.isPresent() || first == '[' ? new Elements(file, in, key) : new Lines(in);
        } catch (IOException | InvalidFile e) {
            in.close();
            throw e;
        }
    }

    private static Row row(String place, JsonNode json) {
        return json.isObject()
                ? new Row.Fields(place, json)
                : new Row.Bad(place, "is " + named(json.getNodeType()) + ", must be a JSON object");
    }

    static String named(JsonNodeType type) {
        return switch (type) {
            case MISSING -> "missing";
            case NULL -> "null";
            case ARRAY -> "an array";
            case OBJECT -> "an object";
            case STRING -> "a text";
            default -> "a " + type.name().toLowerCase(Locale.ROOT);
        };
    }

    private static String problem(JsonProcessingException e) {
        return e.getOriginalMessage().replaceAll(" \\(start marker.*", "");
    }

    private static final class Lines implements Rows {
        private final InputStream in;
        private long number;

        Lines(InputStream in) {
            this.in = in;
        }

        @Override
        public @Nullable Row next() throws IOException {
            ByteArrayOutputStream line = new ByteArrayOutputStream();
            while (true) {
                line.reset();
                long length = 0;
                int read = in.read();
                if (read < 0) {
                    return null;
                }
                number++;
                for (; read >= 0 && read != '\n'; read = in.read()) {
                    if (++length <= LONGEST) {
                        line.write(read);
                    }
                }
                String place = "line " + number;
                if (length > LONGEST) {
                    return new Row.Bad(place, "has " + length + " bytes, must have at most " + LONGEST);
                }
                String text;
                try {
                    text = StandardCharsets.UTF_8
                            .newDecoder()
                            .decode(ByteBuffer.wrap(line.toByteArray()))
                            .toString();
                } catch (CharacterCodingException e) {
                    return new Row.Bad(place, "is not UTF-8");
                }
                if (text.isBlank()) {
                    continue;
                }
                try {
                    return row(place, JSON.readTree(text));
                } catch (JsonProcessingException e) {
                    return new Row.Bad(place, "is no JSON: " + problem(e));
                }
            }
        }

        @Override
        public void close() throws IOException {
            in.close();
        }
    }

    private static final class Elements implements Rows {
        private final Path file;
        private final JsonParser parser;
        private long number;
        private final boolean within;
        private boolean ended;

        Elements(Path file, InputStream in, Optional<String> key) throws IOException, InvalidFile {
            this.file = file;
            this.within = key.isPresent();
            this.parser = JSON.createParser(in);
            try {
                if (key.isPresent()) {
                    seek(key.get());
                }
                if (parser.nextToken() != JsonToken.START_ARRAY) {
                    throw new InvalidFile(file, key.orElse("it") + " must be an array of objects");
                }
            } catch (JsonProcessingException e) {
                throw new InvalidFile(
                        file, "line " + parser.currentLocation().getLineNr() + " is no JSON: " + problem(e));
            }
        }

        private void seek(String key) throws IOException, InvalidFile {
            if (parser.nextToken() == JsonToken.START_OBJECT) {
                for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                    if (name.equals(key)) {
                        return;
                    }
                    parser.nextToken();
                    parser.skipChildren();
                }
            }
            throw new InvalidFile(file, "must be a JSON object with the key " + key);
        }

        @Override
        public @Nullable Row next() throws IOException, InvalidFile {
            if (ended) {
                return null;
            }
            number++;
            try {
                if (parser.nextToken() == JsonToken.END_ARRAY) {
                    ended = true;
                    if (!within && parser.nextToken() != null) {
                        throw new InvalidFile(
                                file,
                                "line " + parser.currentLocation().getLineNr()
                                        + " goes on after the array, must end there");
                    }
                    return null;
                }
                return row(
                        "element " + number,
                        JSON.readerFor(JsonNode.class)
                                .without(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                                .<JsonNode>readValue(parser));
            } catch (JsonProcessingException e) {
                throw new InvalidFile(
                        file,
                        "element " + number + " (line "
                                + parser.currentLocation().getLineNr() + ") is no JSON: " + problem(e));
            } catch (CharacterCodingException e) {
                throw new InvalidFile(file, "element " + number + " is not UTF-8");
            }
        }

        @Override
        public void close() throws IOException {
            parser.close();
        }
    }
}
