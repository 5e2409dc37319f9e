package dev.sotto.training.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/// One object of a YAML file, whose every key is asked for: what [#end] finds over was misspelt. Errors name
/// the file, the key, its value and what is allowed. Not thread-safe.
public final class YamlFile {
    private static final ObjectMapper YAML = new ObjectMapper(YAMLFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build());

    private final Path file;
    private final String at;
    private final JsonNode object;
    private final TreeSet<String> asked = new TreeSet<>();

    private YamlFile(Path file, String at, JsonNode object) {
        this.file = file;
        this.at = at;
        this.object = object;
    }

    /// The whole of a file.
    public static YamlFile read(Path file) throws IOException, InvalidFile {
        try {
            return parse(file, Files.readString(file));
        } catch (CharacterCodingException e) {
            throw new InvalidFile(file, "is no UTF-8 text");
        }
    }

    /// A text, blamed on `file`.
    public static YamlFile parse(Path file, String text) throws InvalidFile {
        JsonNode tree;
        try {
            tree = YAML.readTree(text);
        } catch (JsonProcessingException e) {
            throw new InvalidFile(
                    file,
                    "is no YAML: "
                            + e.getOriginalMessage()
                                    .replaceAll("\\R.*(?=line \\d)", " ")
                                    .lines()
                                    .findFirst()
                                    .orElse("")
                            + (e.getLocation() == null
                                    ? ""
                                    : " (line " + e.getLocation().getLineNr() + ")"));
        }
        if (!tree.isObject()) {
            throw new InvalidFile(file, "must be an object: keys and values");
        }
        return new YamlFile(file, "", tree);
    }

    /// Blames a key.
    ///
    /// @param allowed follows `must be`
    public InvalidFile mistake(String key, String allowed) {
        JsonNode value = object.path(key);
        String shown = value.isMissingNode() ? "missing" : value.isTextual() ? "'" + value.asText() + "'" : value + "";
        return new InvalidFile(file, at + key + " is " + shown + ", must be " + allowed);
    }

    /// The file that is blamed.
    public Path file() {
        return file;
    }

    /// Whether the key is there.
    public boolean has(String key) {
        asked.add(key);
        return !value(key).isMissingNode();
    }

    /// Whether an object is there: keys and values.
    public boolean holdsObject(String key) {
        return value(key).isObject();
    }

    private JsonNode value(String key) {
        asked.add(key);
        JsonNode value = object.path(key);
        return value.isNull() ? JsonNodeFactory.instance.missingNode() : value;
    }

    /// A text that must be there, not blank.
    public String text(String key) throws InvalidFile {
        JsonNode value = value(key);
        if (!value.isTextual() || value.asText().isBlank()) {
            throw mistake(key, "a text");
        }
        return value.asText();
    }

    /// A text, which may be blank, or `otherwise`.
    public String text(String key, String otherwise) throws InvalidFile {
        JsonNode value = value(key);
        if (value.isMissingNode()) {
            return otherwise;
        }
        if (!value.isTextual()) {
            throw mistake(key, "a text");
        }
        return value.asText();
    }

    /// One of some texts, or `otherwise`.
    public String oneOf(String key, List<String> allowed, Optional<String> otherwise) throws InvalidFile {
        JsonNode value = value(key);
        if (value.isMissingNode() && otherwise.isPresent()) {
            return otherwise.get();
        }
        if (!allowed.contains(value.asText())) {
            throw mistake(key, "one of " + allowed);
        }
        return value.asText();
    }

    /// A truth value, or false.
    public boolean flag(String key) throws InvalidFile {
        JsonNode value = value(key);
        if (!value.isMissingNode() && !value.isBoolean()) {
            throw mistake(key, "true or false");
        }
        return value.asBoolean(false);
    }

    /// A whole number within bounds, or `otherwise`.
    public int whole(String key, int least, int most, int otherwise) throws InvalidFile {
        return has(key) ? whole(key, least, most) : otherwise;
    }

    /// A whole number within bounds that must be there.
    public int whole(String key, int least, int most) throws InvalidFile {
        JsonNode value = value(key);
        if (!value.isIntegralNumber() || value.asLong() < least || value.asLong() > most) {
            throw mistake(key, "a whole number from " + least + " to " + most);
        }
        return value.asInt();
    }

    /// A number within bounds, or `otherwise`. `1e-6` is one here, as in YAML 1.2.
    public double number(String key, double least, double most, double otherwise) throws InvalidFile {
        return has(key) ? number(key, least, most) : otherwise;
    }

    /// A number within bounds that must be there.
    public double number(String key, double least, double most) throws InvalidFile {
        JsonNode value = value(key);
        boolean number = value.isNumber() || value.asText().matches("[-+]?\\d+(\\.\\d*)?[eE][-+]?\\d+");
        double read = number ? Double.parseDouble(value.asText()) : Double.NaN;
        if (!(read >= least && read <= most)) {
            throw mistake(key, "a number from " + least + " to " + most);
        }
        return read;
    }

    /// A text or a list of texts, at least one; numbers and truth values count as they are written.
    public List<String> texts(String key) throws InvalidFile {
        JsonNode value = value(key);
        List<String> texts = new ArrayList<>();
        for (JsonNode one : value.isArray() ? value : List.of(value)) {
            if (!one.isValueNode() || one.isNull()) {
                throw mistake(key, "a text or a list of texts");
            }
            texts.add(one.asText());
        }
        if (texts.isEmpty()) {
            throw mistake(key, "a text or a list of texts");
        }
        return List.copyOf(texts);
    }

    /// A list of texts that must be there and may be empty.
    ///
    /// @param allowed each of them; empty if it is any
    public List<String> list(String key, List<String> allowed) throws InvalidFile {
        JsonNode value = value(key);
        List<String> texts = new ArrayList<>();
        for (JsonNode one : value) {
            texts.add(one.isTextual() ? one.asText() : "");
        }
        if (!value.isArray() || texts.contains("") || !(allowed.isEmpty() || allowed.containsAll(texts))) {
            throw mistake(key, allowed.isEmpty() ? "a list of names" : "a list of some of " + allowed);
        }
        return List.copyOf(texts);
    }

    /// A field of a record.
    public Field field(String key) throws InvalidFile {
        try {
            return Field.parse(text(key));
        } catch (IllegalArgumentException e) {
            throw mistake(key, "a field, as in a, a.b, a.0.b or a|b");
        }
    }

    /// A field of a record, or `otherwise`.
    public Field field(String key, String otherwise) throws InvalidFile {
        return has(key) ? field(key) : Field.parse(otherwise);
    }

    /// An object that must be there.
    public YamlFile section(String key) throws InvalidFile {
        JsonNode value = value(key);
        if (!value.isObject()) {
            throw mistake(key, "an object: keys and values");
        }
        return new YamlFile(file, at + key + ".", value);
    }

    /// The keys, in order; they count as asked for.
    public List<String> keys() {
        List<String> keys = new ArrayList<>();
        object.fieldNames().forEachRemaining(keys::add);
        asked.addAll(keys);
        return keys;
    }

    /// Texts by key.
    public Map<String, String> map(String key) throws InvalidFile {
        YamlFile section = section(key);
        Map<String, String> map = new LinkedHashMap<>();
        for (String name : section.keys()) {
            map.put(name, section.texts(name).getFirst());
        }
        return map;
    }

    /// Refuses keys that were never asked for.
    public void end() throws InvalidFile {
        for (String key : keysNotAsked()) {
            throw new InvalidFile(file, at + key + " is not known, allowed here are " + asked);
        }
    }

    private List<String> keysNotAsked() {
        List<String> keys = new ArrayList<>();
        object.fieldNames().forEachRemaining(key -> {
            if (!asked.contains(key)) {
                keys.add(key);
            }
        });
        return keys;
    }
}
