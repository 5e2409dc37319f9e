package dev.sotto.sandbox.demo;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.sandbox.failure.Failure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/// Each organisation's private file, and the held-out lines.
///
/// @param files      by organisation
/// @param lines      by organisation
/// @param evaluation held out from everybody
/// @param heldOut    its lines
public record DataSets(Map<String, Path> files, Map<String, Integer> lines, Path evaluation, int heldOut) {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int MOST_HELD_OUT = 100;
    private static final int FEWEST = 16;
    private static final String EVALUATION = "evaluation.jsonl";

    /// Takes what `sotto data` wrote into `folder`.
    static DataSets generated(List<String> organisations, Path folder) throws IOException, Failure {
        Map<String, Path> files = new TreeMap<>();
        for (String organisation : organisations) {
            files.put(organisation, folder.resolve(organisation + ".jsonl"));
        }
        return of(files, folder.resolve(EVALUATION));
    }

    /// Deals the lines of `sources` to the organisations in turn; the last fifth, at most 100, is held
    /// out.
    static DataSets dealt(List<String> organisations, List<Path> sources, Path folder) throws IOException, Failure {
        List<String> all = new ArrayList<>();
        for (Path source : sources) {
            all.addAll(read(source));
        }
        int heldOut = Math.min(MOST_HELD_OUT, all.size() / 5);
        int training = all.size() - heldOut;
        if (heldOut == 0 || training < organisations.size() * FEWEST) {
            throw Failure.invalid(sources + " hold " + all.size() + " lines; " + organisations.size()
                    + " organisations need at least " + organisations.size() * FEWEST * 5 / 4);
        }
        Files.createDirectories(folder);
        Map<String, Path> files = new TreeMap<>();
        for (int i = 0; i < organisations.size(); i++) {
            List<String> own = new ArrayList<>();
            for (int line = i; line < training; line += organisations.size()) {
                own.add(all.get(line));
            }
            Path file = folder.resolve(organisations.get(i) + ".jsonl");
            Files.write(file, own);
            files.put(organisations.get(i), file);
        }
        Path evaluation = folder.resolve(EVALUATION);
        Files.write(evaluation, all.subList(training, all.size()));
        return of(files, evaluation);
    }

    /// One file per organisation, as they are; the held-out lines come from `evaluation.jsonl` if it is
    /// there, else from the end of each file.
    static DataSets given(Path source, Path folder) throws IOException, Failure {
        Files.createDirectories(folder);
        Map<String, Path> files = new TreeMap<>();
        List<String> heldOut = new ArrayList<>();
        boolean ready = Files.exists(source.resolve(EVALUATION));
        for (String organisation : organisations(source)) {
            List<String> lines = read(source.resolve(organisation + ".jsonl"));
            int kept = ready ? lines.size() : lines.size() - Math.min(MOST_HELD_OUT / 4, lines.size() / 5);
            if (kept < FEWEST) {
                throw Failure.invalid(source.resolve(organisation + ".jsonl") + " holds " + lines.size()
                        + " lines; an organisation needs at least " + FEWEST + " to train on");
            }
            Path file = folder.resolve(organisation + ".jsonl");
            Files.write(file, lines.subList(0, kept));
            heldOut.addAll(lines.subList(kept, lines.size()));
            files.put(organisation, file);
        }
        Path evaluation = folder.resolve(EVALUATION);
        Files.write(evaluation, ready ? read(source.resolve(EVALUATION)) : heldOut);
        return of(files, evaluation);
    }

    /// The organisations that a folder has files for.
    public static List<String> organisations(Path folder) throws IOException, Failure {
        List<String> names;
        try (Stream<Path> all = Files.list(folder)) {
            names = all.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".jsonl") && !name.equals(EVALUATION))
                    .map(name -> name.substring(0, name.length() - ".jsonl".length()))
                    .sorted()
                    .toList();
        }
        for (String name : names) {
            if (!name.matches("[a-z0-9-]{1,63}")
                    || List.of("coordinator", "broker", "admin", "viewer").contains(name)) {
                throw Failure.invalid(
                        folder.resolve(name + ".jsonl")
                                + ": an organisation's name must match [a-z0-9-]{1,63} and not be coordinator, broker, admin or viewer");
            }
        }
        if (names.size() < 3 || names.size() > 16) {
            throw Failure.invalid(folder + " has files of " + names.size() + " organisations; allowed are 3 to 16");
        }
        return names;
    }

    private static DataSets of(Map<String, Path> files, Path evaluation) throws IOException, Failure {
        Map<String, Integer> lines = new TreeMap<>();
        for (Map.Entry<String, Path> file : files.entrySet()) {
            lines.put(file.getKey(), read(file.getValue()).size());
        }
        return new DataSets(files, lines, evaluation, read(evaluation).size());
    }

    /// The lines that are not blank, each checked to be a JSON object.
    private static List<String> read(Path file) throws IOException, Failure {
        List<String> lines = new ArrayList<>();
        int number = 0;
        for (String line : Files.readAllLines(file)) {
            number++;
            if (line.isBlank()) {
                continue;
            }
            try {
                if (!JSON.readTree(line).isObject()) {
                    throw Failure.invalid(file + ":" + number + ": is no JSON object");
                }
            } catch (JsonProcessingException e) {
                throw Failure.invalid(file + ":" + number + ": is no JSON: "
                        + e.getOriginalMessage().replaceAll(" \\(start marker.*", ""));
            }
            lines.add(line);
        }
        return lines;
    }
}
