package dev.sotto.training.evaluation;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Datasets;
import dev.sotto.training.data.Field;
import dev.sotto.training.data.Mapping;
import dev.sotto.training.data.Preference;
import dev.sotto.training.data.Rows;
import dev.sotto.training.data.YamlFile;
import dev.sotto.training.evaluation.LanguageModel.Decoding;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/// An evaluation task, as a YAML file describes it: `docs/data-and-evaluation.md` has every key.
///
/// @param name       of the task
/// @param files      the data
/// @param layout     of the data
/// @param derived    fields made from others, by name
/// @param templated  whether a prompt is the user's message in the model's template, else it is the text itself
/// @param limit      most records
/// @param decoding   how answers are generated
/// @param shots      solved examples before each prompt
/// @param scoring    what is asked and how it counts
public record Task(
        String name,
        List<Path> files,
        Rows.Layout layout,
        Map<String, Derived> derived,
        boolean templated,
        int limit,
        Decoding decoding,
        Optional<Shots> shots,
        Scoring scoring) {
    /// The tasks that come with Sotto.
    public static final List<String> PACKAGED = List.of(
            "advbench",
            "bbh",
            "crass",
            "drop",
            "fiqa-sa",
            "fpb",
            "gsm8k",
            "hh-harmless",
            "humaneval",
            "math",
            "medmcqa",
            "medqa",
            "mmlu",
            "mt-bench-first-turn",
            "nwgi",
            "perplexity",
            "pubmedqa",
            "tfns",
            "vicuna-bench");

    private static final List<String> KINDS = List.of(
            "perplexity",
            "multiple-choice",
            "classification",
            "exact-match",
            "drop",
            "completions",
            "preference",
            "judged",
            "refusal");

    /// Solved examples: of a file, the first ones that agree with the record in a field, with an empty line
    /// after each.
    ///
    /// @param before  what the record says before the examples
    /// @param files   the data
    /// @param count   how many
    /// @param same    the field in which they must agree, if any
    /// @param example one of them as a text
    public record Shots(PromptText before, List<Path> files, int count, Optional<Field> same, PromptText example) {}

    /// The same on the first records only.
    ///
    /// @param records at least 1
    public Task atMost(int records) {
        return new Task(name, files, layout, derived, templated, Math.min(limit, records), decoding, shots, scoring);
    }

    /// Reads a task file.
    ///
    /// @param data the folder that the data's names are relative to
    /// @throws InvalidFile naming a key that is wrong, its value and what is allowed
    public static Task read(Path file, Path data) throws IOException, InvalidFile {
        return of(YamlFile.read(file), data);
    }

    /// A task that comes with Sotto; [#PACKAGED] lists them.
    ///
    /// @param data the folder that the data's names are relative to
    /// @throws IllegalArgumentException if there is none of that name, saying which there are
    public static Task packaged(String name, Path data) throws IOException, InvalidFile {
        if (!PACKAGED.contains(name)) {
            throw new IllegalArgumentException(
                    "task '" + name + "' is not known, must be one of " + PACKAGED + " or have a task file");
        }
        String file = "tasks/" + name + ".yaml";
        try (InputStream in = Objects.requireNonNull(Task.class.getResourceAsStream(file), file)) {
            return of(YamlFile.parse(Path.of(file), new String(in.readAllBytes(), StandardCharsets.UTF_8)), data);
        }
    }

    private static Task of(YamlFile yaml, Path data) throws IOException, InvalidFile {
        String kind = yaml.oneOf("kind", KINDS, Optional.empty());
        Map<String, Derived> derived = new LinkedHashMap<>();
        if (yaml.has("derived")) {
            YamlFile section = yaml.section("derived");
            for (String name : section.keys()) {
                derived.put(name, Derived.read(section.section(name)));
            }
        }
        Task task = new Task(
                yaml.text("name"),
                yaml.texts("files").stream().map(data::resolve).toList(),
                layout(yaml),
                derived,
                yaml.flag("templated"),
                yaml.whole("limit", 1, Integer.MAX_VALUE, Integer.MAX_VALUE),
                decoding(yaml),
                shots(yaml, data),
                scoring(kind, yaml));
        yaml.text("about", "");
        yaml.end();
        return task;
    }

    private static Rows.Layout layout(YamlFile yaml) throws InvalidFile {
        String separator = yaml.text("separator", "");
        if (separator.length() > 1) {
            throw yaml.mistake("separator", "one character");
        }
        return new Rows.Layout(
                separator.isEmpty() ? Optional.empty() : Optional.of(separator.charAt(0)),
                yaml.has("columns") ? yaml.texts("columns") : List.of(),
                yaml.has("records") ? Optional.of(yaml.text("records")) : Optional.empty());
    }

    private static Decoding decoding(YamlFile yaml) throws InvalidFile {
        return new Decoding(
                yaml.whole("maxTokens", 1, 1 << 20, 256),
                yaml.has("stop") ? yaml.texts("stop") : List.of(),
                yaml.number("temperature", 0, 10, 0),
                yaml.whole("seed", 0, Integer.MAX_VALUE, 0));
    }

    private static Optional<Shots> shots(YamlFile yaml, Path data) throws InvalidFile {
        if (!yaml.has("shots")) {
            return Optional.empty();
        }
        YamlFile shots = yaml.section("shots");
        Shots read = new Shots(
                parse(shots, "before", shots.text("before", "")),
                shots.texts("files").stream().map(data::resolve).toList(),
                shots.whole("count", 1, 1000, 5),
                shots.has("same") ? Optional.of(shots.field("same")) : Optional.empty(),
                text(shots, "example"));
        shots.end();
        return Optional.of(read);
    }

    private static PromptText text(YamlFile yaml, String key) throws InvalidFile {
        return parse(yaml, key, yaml.text(key));
    }

    private static PromptText parse(YamlFile yaml, String key, String text) throws InvalidFile {
        try {
            return PromptText.parse(text);
        } catch (IllegalArgumentException e) {
            throw yaml.mistake(key, "a text with fields as in {{question}} or {{choices.0}}");
        }
    }

    private static Scoring scoring(String kind, YamlFile yaml) throws IOException, InvalidFile {
        return switch (kind) {
            case "perplexity" ->
                new Scoring.Perplexity(parse(yaml, "prompt", yaml.text("prompt", "")), text(yaml, "text"));
            case "multiple-choice" -> multipleChoice(yaml);
            case "classification" -> classification(yaml);
            case "exact-match" ->
                new Scoring.ExactMatch(
                        text(yaml, "prompt"),
                        text(yaml, "reference"),
                        extraction(yaml, "extractAnswer"),
                        extraction(yaml, "extractReference"));
            case "drop" ->
                new Scoring.DropMatch(
                        text(yaml, "prompt"),
                        yaml.field("answer", "answer"),
                        yaml.field("validated", "validated_answers"));
            case "completions" -> new Scoring.Completions(text(yaml, "prompt"), yaml.field("id"));
            case "preference" -> new Scoring.Preferences(preferences(yaml), yaml.number("beta", 0, 1000, 0.1));
            case "judged" -> judged(yaml);
            default -> new Scoring.Refusal(text(yaml, "prompt"), yaml.texts("marks"));
        };
    }

    private static Extraction extraction(YamlFile yaml, String key) throws InvalidFile {
        return Extraction.named(yaml.oneOf(key, Extraction.keys(), Optional.of(Extraction.WHOLE.key())));
    }

    private static Scoring multipleChoice(YamlFile yaml) throws InvalidFile {
        List<PromptText> choices = new ArrayList<>();
        for (String choice : yaml.texts("choices")) {
            choices.add(parse(yaml, "choices", choice));
        }
        if (choices.size() < 2) {
            throw yaml.mistake("choices", "a list of at least two texts");
        }
        YamlFile answer = yaml.section("answer");
        Scoring.Right right;
        if (answer.has("position")) {
            right = new Scoring.Right.Position(answer.whole("position", 0, choices.size() - 1, 0));
        } else {
            right = switch (answer.oneOf("as", List.of("letter", "number", "text"), Optional.empty())) {
                case "letter" -> new Scoring.Right.Letter(answer.field("field"));
                case "number" -> new Scoring.Right.Numbered(answer.field("field"), answer.whole("first", 0, 1, 0));
                default -> new Scoring.Right.Text(answer.field("field"));
            };
        }
        answer.end();
        return new Scoring.MultipleChoice(text(yaml, "prompt"), choices, right);
    }

    private static Scoring classification(YamlFile yaml) throws InvalidFile {
        YamlFile labels = yaml.section("labels");
        Map<String, List<String>> marks = new LinkedHashMap<>();
        for (String label : labels.keys()) {
            marks.put(label, labels.texts(label));
        }
        return new Scoring.Classification(text(yaml, "prompt"), text(yaml, "truth"), marks, yaml.text("otherwise"));
    }

    private static Mapping<Preference> preferences(YamlFile yaml) throws IOException, InvalidFile {
        if (yaml.has("mapping")) {
            try {
                return Datasets.mapping(yaml.file().resolveSibling(yaml.text("mapping")))
                        .preferences();
            } catch (IllegalArgumentException e) {
                throw yaml.mistake("mapping", "a mapping file of kind preference");
            }
        }
        try {
            return Datasets.mapping(yaml.text("dataset")).preferences();
        } catch (IllegalArgumentException e) {
            throw yaml.mistake("dataset", "a known data set of preferences, or mapping a file: " + e.getMessage());
        }
    }

    private static Scoring judged(YamlFile yaml) throws InvalidFile {
        double lowest = yaml.number("lowest", -1e6, 1e6, 1);
        return new Scoring.Judged(
                text(yaml, "prompt"),
                yaml.has("system") ? Optional.of(yaml.text("system")) : Optional.empty(),
                text(yaml, "judgment"),
                lowest,
                yaml.number("highest", lowest, 1e6, 10),
                yaml.has("group") ? Optional.of(yaml.field("group")) : Optional.empty());
    }
}
