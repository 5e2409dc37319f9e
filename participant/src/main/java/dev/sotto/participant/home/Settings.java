package dev.sotto.participant.home;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.YamlFile;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/// What an organisation trains in rounds, and how: `participant.yaml`. An option of `sotto run` goes before the key
/// of the same name.
///
/// @param base         checkpoint folder, if it is not an option
/// @param data         files, if they are not an option
/// @param dataset      what the fields are: a name or a mapping file
/// @param skipBadLines whether bad records are left out
/// @param seed         in which order examples are drawn; fresh randomness if it is missing
/// @param device       `auto`, `cpu`, `cuda` or `cuda:<index>`
/// @param compute      `FP32` or `BF16`
/// @param holdBase     `PLAIN`, `INT8` or `NF4`
/// @param checkpointing whether layers are computed anew in the backward pass
/// @param threads      of PyTorch; one for each core if it is missing
public record Settings(
        Optional<Path> base,
        List<Path> data,
        Optional<String> dataset,
        boolean skipBadLines,
        Optional<Long> seed,
        Optional<String> device,
        Optional<String> compute,
        Optional<String> holdBase,
        boolean checkpointing,
        Optional<Integer> threads) {
    /// The file that enrolment writes: every key, and none set.
    public static final String TEMPLATE = """
            # yaml-language-server: $schema=participant.schema.json
            # What `sotto run` trains, and how; an option on its command line goes before the key of the same name here.
            # Paths are relative to the folder of this file.

            # Hugging Face checkpoint folder of the base model that the federation trains.
            # base: /srv/models/base

            # Files with an example a record: .jsonl, .json, .csv, .tsv or .parquet. They never leave this machine.
            # data: [/srv/data/train.jsonl]
            # What the fields are: the name of a data set that OpenFedLLM knows, such as gsm8k, or a mapping file, .yaml.
            # Left out: instruction and output, or similar names.
            # dataset: gsm8k
            # Count bad records and leave them out, instead of ending there.
            # skipBadLines: false
            # In which order examples are drawn. Left out: fresh randomness.
            # seed: 1

            # cpu, cuda or cuda:<index>; auto is the first graphics card that PyTorch sees, else cpu.
            # device: auto
            # What is computed in: FP32 or BF16.
            # compute: FP32
            # How the frozen base is held: PLAIN, INT8 or NF4.
            # holdBase: PLAIN
            # Compute layers anew in the backward pass: less memory, slower.
            # checkpointing: false
            # CPU threads of PyTorch. Left out: one for each core.
            # threads: 4
            """;

    private static final int MOST_THREADS = 1024;

    /// Copies the list.
    public Settings {
        data = List.copyOf(data);
    }

    /// Reads the file.
    ///
    /// @throws InvalidFile naming the file, the key, its value and what is allowed
    public static Settings read(Path file) throws IOException, InvalidFile {
        String text = Home.text(file);
        // As enrolment writes it, there is no YAML in it.
        boolean empty = text.lines().allMatch(line -> line.isBlank() || line.startsWith("#"));
        YamlFile yaml = YamlFile.parse(file, empty ? "{}" : text);
        Settings settings = new Settings(
                yaml.has("base") ? Optional.of(path(yaml, "base", yaml.text("base"))) : Optional.empty(),
                data(yaml),
                yaml.has("dataset") ? Optional.of(dataset(yaml)) : Optional.empty(),
                yaml.flag("skipBadLines"),
                yaml.has("seed") ? Optional.of(seed(yaml)) : Optional.empty(),
                yaml.has("device") ? Optional.of(device(yaml)) : Optional.empty(),
                oneOf(yaml, "compute", List.of("FP32", "BF16")),
                oneOf(yaml, "holdBase", List.of("PLAIN", "INT8", "NF4")),
                yaml.flag("checkpointing"),
                yaml.has("threads") ? Optional.of(yaml.whole("threads", 1, MOST_THREADS, 1)) : Optional.empty());
        yaml.end();
        return settings;
    }

    /// The JSON Schema of `participant.yaml`, for editors and other programs.
    public static InputStream schema() {
        return resource("participant.schema.json");
    }

    static InputStream resource(String name) {
        return Objects.requireNonNull(
                Settings.class.getResourceAsStream("/dev/sotto/participant/" + name), name + " is part of this module");
    }

    private static List<Path> data(YamlFile yaml) throws InvalidFile {
        if (!yaml.has("data")) {
            return List.of();
        }
        List<Path> files = new ArrayList<>();
        for (String name : yaml.texts("data")) {
            files.add(path(yaml, "data", name));
        }
        return files;
    }

    /// A mapping file is told from a name by its ending.
    private static String dataset(YamlFile yaml) throws InvalidFile {
        String name = yaml.text("dataset");
        return name.endsWith(".yaml") || name.endsWith(".yml")
                ? path(yaml, "dataset", name).toString()
                : name;
    }

    private static Path path(YamlFile yaml, String key, String text) throws InvalidFile {
        try {
            return yaml.file().toAbsolutePath().resolveSibling(text).normalize();
        } catch (InvalidPathException e) {
            throw yaml.mistake(key, "a path");
        }
    }

    private static long seed(YamlFile yaml) throws InvalidFile {
        List<String> given = yaml.texts("seed");
        if (given.size() == 1 && given.getFirst().matches("-?\\d{1,19}")) {
            BigInteger seed = new BigInteger(given.getFirst());
            if (seed.bitLength() < Long.SIZE) {
                return seed.longValueExact();
            }
        }
        throw yaml.mistake("seed", "a whole number of 64 bits");
    }

    private static String device(YamlFile yaml) throws InvalidFile {
        String device = yaml.text("device");
        if (!device.matches("auto|cpu|cuda(:\\d{1,4})?")) {
            throw yaml.mistake("device", "auto, cpu, cuda or cuda:<index>");
        }
        return device;
    }

    private static Optional<String> oneOf(YamlFile yaml, String key, List<String> allowed) throws InvalidFile {
        return yaml.has(key) ? Optional.of(yaml.oneOf(key, allowed, Optional.empty())) : Optional.empty();
    }
}
