package dev.sotto.training.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What was read from data files.
///
/// @param examples in the order of the files
/// @param skipped  how many records were left out because they were bad
/// @param firstBad what is said of the first of them, file and place first; at most [#TOLD]
/// @param repeated how many records were left out because the mapping wants distinct ones
public record Loaded<T>(List<T> examples, long skipped, List<String> firstBad, long repeated) {
    /// So many bad records are described.
    public static final int TOLD = 20;

    /// An example and where it is from.
    ///
    /// @param file   its file
    /// @param record its fields
    public record Sourced<T>(T example, Path file, JsonNode record) {}

    @FunctionalInterface
    private interface Kept<T, K> {
        K of(T example, Path file, JsonNode record);
    }

    /// Reads every record of every file, and keeps with each example what it was made from.
    ///
    /// @throws InvalidFile as [#read] does
    public static <T> Loaded<Sourced<T>> sourced(List<Path> files, Mapping<T> mapping, boolean skipBadLines)
            throws IOException, InvalidFile {
        return read(files, mapping, skipBadLines, Sourced::new);
    }

    /// Reads every record of every file.
    ///
    /// @param skipBadLines whether a bad record is counted and left out, instead of ending the reading
    /// @throws InvalidFile naming file, place and reason of the first bad record, if none may be skipped; if
    ///   nothing can be read behind a mistake; and if no record is left
    public static <T> Loaded<T> read(List<Path> files, Mapping<T> mapping, boolean skipBadLines)
            throws IOException, InvalidFile {
        return read(files, mapping, skipBadLines, (example, _, _) -> example);
    }

    private static <T, K> Loaded<K> read(List<Path> files, Mapping<T> mapping, boolean skipBadLines, Kept<T, K> kept)
            throws IOException, InvalidFile {
        List<K> examples = new ArrayList<>();
        List<String> firstBad = new ArrayList<>();
        Set<Object> seen = new HashSet<>();
        long skipped = 0;
        long repeated = 0;
        for (Path file : files) {
            long before = examples.size() + repeated;
            try (Rows rows = Rows.open(file)) {
                for (Row row = rows.next(); row != null; row = rows.next()) {
                    T example = null;
                    JsonNode fields = MissingNode.getInstance();
                    String problem = null;
                    switch (row) {
                        case Row.Bad bad -> problem = bad.reason();
                        case Row.Fields record -> {
                            fields = record.fields();
                            try {
                                example = mapping.map(fields);
                            } catch (BadRecord e) {
                                problem = String.valueOf(e.getMessage());
                            }
                        }
                    }
                    if (example == null) {
                        InvalidFile bad = new InvalidFile(file, row.place() + ": " + problem);
                        if (!skipBadLines) {
                            throw bad;
                        }
                        skipped++;
                        if (firstBad.size() < TOLD) {
                            firstBad.add(String.valueOf(bad.getMessage()));
                        }
                    } else if (mapping.distinct() && !seen.add(asked(example))) {
                        repeated++;
                    } else {
                        examples.add(kept.of(example, file, fields));
                    }
                }
            }
            if (examples.size() + repeated == before) {
                throw new InvalidFile(
                        file,
                        "holds no examples" + (skipped == 0 ? "" : "; the first bad record: " + firstBad.getFirst()));
            }
        }
        return new Loaded<>(List.copyOf(examples), skipped, List.copyOf(firstBad), repeated);
    }

    private static @Nullable Object asked(Object example) {
        return example instanceof Conversation conversation
                ? conversation.messages().stream()
                        .filter(message -> message.role() == Message.Role.USER)
                        .findFirst()
                        .orElseThrow() // Cannot fail: every conversation has a user's message.
                        .content()
                : example;
    }
}
