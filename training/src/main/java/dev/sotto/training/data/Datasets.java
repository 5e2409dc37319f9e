package dev.sotto.training.data;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Message.Role;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/// Mappings by a data set's name, as OpenFedLLM has them (Ye et al., 2024; its `process_dataset.py`), and
/// mapping files for one's own data. Both are YAML of the same keys; `datasets.yaml` beside this class has
/// the named ones and is the best example.
public final class Datasets {
    /// What records without any mapping are taken for.
    public static final String DEFAULT = "default";

    /// How chat data usually names the roles.
    static final Map<String, Role> ROLES =
            Map.of("system", Role.SYSTEM, "user", Role.USER, "assistant", Role.ASSISTANT);

    private static final Map<String, Mapping<?>> NAMED = named();

    private Datasets() {}

    private static Map<String, Mapping<?>> named() {
        String file = "datasets.yaml";
        try (InputStream in = Datasets.class.getResourceAsStream(file)) {
            YamlFile yaml = YamlFile.parse(
                    Path.of(file), new String(Objects.requireNonNull(in, file).readAllBytes(), StandardCharsets.UTF_8));
            Map<String, Mapping<?>> named = new LinkedHashMap<>();
            for (String name : yaml.keys()) {
                named.put(name, mapping(yaml.section(name)));
            }
            return named;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InvalidFile e) {
            throw new IllegalStateException(e); // Cannot happen: the file is our own, and a test reads it.
        }
    }

    /// The names that [#mapping(String)] knows.
    public static List<String> names() {
        return List.copyOf(NAMED.keySet());
    }

    /// The mapping of a data set by its name, with or without the owner before the slash.
    ///
    /// @throws IllegalArgumentException if it is not known, saying which are
    public static Mapping<?> mapping(String name) {
        return NAMED.entrySet().stream()
                .filter(entry -> entry.getKey().equals(name)
                        || entry.getKey()
                                .substring(entry.getKey().indexOf('/') + 1)
                                .equals(name))
                .<Mapping<?>>map(Map.Entry::getValue)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(
                        "data set '" + name + "' is not known, must be one of " + names() + " or have a mapping file"));
    }

    /// The mapping that a file describes.
    ///
    /// @throws InvalidFile naming a key that is wrong, its value and what is allowed
    public static Mapping<?> mapping(Path file) throws IOException, InvalidFile {
        return mapping(YamlFile.read(file));
    }

    private static Mapping<?> mapping(YamlFile yaml) throws InvalidFile {
        Mapping<?> mapping =
                switch (yaml.oneOf("kind", List.of("instruction", "conversation", "preference"), Optional.empty())) {
                    case "instruction" -> instruction(yaml);
                    case "conversation" -> dialogue(yaml);
                    default -> preference(yaml);
                };
        yaml.end();
        return mapping;
    }

    private static Mapping<Conversation> instruction(YamlFile yaml) throws InvalidFile {
        List<Field> parts;
        try {
            parts = yaml.texts("instruction").stream().map(Field::parse).toList();
        } catch (IllegalArgumentException e) {
            throw yaml.mistake("instruction", "fields, as in a, a.b, a.0.b or a|b");
        }
        return new Mapping.Instruction(
                parts,
                yaml.text("separator", " "),
                yaml.field("response"),
                yaml.flag("blankResponses"),
                yaml.flag("distinct"));
    }

    private static Mapping<Conversation> dialogue(YamlFile yaml) throws InvalidFile {
        Map<String, Role> roles = ROLES;
        if (yaml.has("roles")) {
            roles = new LinkedHashMap<>();
            for (Map.Entry<String, String> entry : yaml.map("roles").entrySet()) {
                Role role = ROLES.get(entry.getValue());
                if (role == null) {
                    throw yaml.section("roles")
                            .mistake(
                                    entry.getKey(),
                                    "one of "
                                            + Arrays.stream(Role.values())
                                                    .map(Role::key)
                                                    .toList());
                }
                roles.put(entry.getKey(), role);
            }
        }
        return new Mapping.Dialogue(
                yaml.field("messages", "messages"),
                yaml.field("role", "role"),
                yaml.field("content", "content"),
                Map.copyOf(roles));
    }

    private static Mapping<Preference> preference(YamlFile yaml) throws InvalidFile {
        Field chosen = yaml.field("chosen", "chosen");
        Field rejected = yaml.field("rejected", "rejected");
        if (!yaml.has("transcripts")) {
            return new Mapping.Pair(yaml.field("prompt", "prompt"), chosen, rejected);
        }
        yaml.oneOf("transcripts", List.of("hh"), Optional.empty());
        return new Mapping.Transcripts(chosen, rejected);
    }
}
