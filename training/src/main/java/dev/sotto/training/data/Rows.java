package dev.sotto.training.data;

import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The records of a data file, one after the other: no file is held in memory. Not thread-safe.
///
/// | name ends with | what it is |
/// |---|---|
/// | `.jsonl`, `.ndjson`, `.json` | one JSON object per line, or, if the first character is `[`, one array of objects |
/// | `.csv`, `.tsv` | RFC 4180 with commas or tabs; the first record names the columns, unless names are given |
/// | `.parquet` | Apache Parquet, nested or flat; uncompressed, Snappy, GZIP or Zstandard |
///
/// Text is UTF-8. Empty lines are passed over, a byte order mark too. A record that is not as it must be is
/// a [Row.Bad], and the next one is read after it; only where nothing can be read behind a mistake is it an
/// [InvalidFile].
public interface Rows extends AutoCloseable {
    /// The longest line or CSV field, in bytes or characters: 16 MiB.
    int LONGEST = 1 << 24;

    /// The next record, or nothing at the end.
    ///
    /// @throws InvalidFile naming the place behind which nothing can be read
    @Nullable
    Row next() throws IOException, InvalidFile;

    @Override
    void close() throws IOException;

    /// Opens a file whose records name their own fields.
    ///
    /// @throws InvalidFile if the name has no known ending, or the beginning of the file is not as it must be
    static Rows open(Path file) throws IOException, InvalidFile {
        return open(file, Layout.BY_NAME);
    }

    /// What the name of a file does not say about it.
    ///
    /// @param separator between the fields of a CSV file, or nothing: a comma in `.csv`, a tab in `.tsv`
    /// @param columns   the names of the columns of a CSV file without a heading; empty: it has one
    /// @param records   the key of a JSON object whose array has the records, or nothing
    record Layout(Optional<Character> separator, List<String> columns, Optional<String> records) {
        /// What the name says is all.
        public static final Layout BY_NAME = new Layout(Optional.empty(), List.of(), Optional.empty());
    }

    /// Opens a file.
    ///
    /// @throws InvalidFile as [#open(Path)] does, or if the layout is for another format
    static Rows open(Path file, Layout layout) throws IOException, InvalidFile {
        if (!Files.exists(file)) {
            throw new NoSuchFileException(file.toString());
        }
        if (Files.isDirectory(file)) {
            throw new InvalidFile(file, "is a folder, must be a file");
        }
        String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
        String ending = name.substring(name.lastIndexOf('.') + 1);
        boolean csv = ending.equals("csv") || ending.equals("tsv");
        boolean json = ending.equals("jsonl") || ending.equals("ndjson") || ending.equals("json");
        if (!csv && (layout.separator().isPresent() || !layout.columns().isEmpty())) {
            throw new InvalidFile(
                    file, "has names for its fields; columns and separator are for .csv and .tsv files only");
        }
        if (!json && layout.records().isPresent()) {
            throw new InvalidFile(file, "is no JSON; the key of the records is for JSON files only");
        }
        return switch (ending) {
            case "jsonl", "ndjson", "json" -> JsonRows.open(file, layout.records());
            case "csv" -> new CsvRows(file, layout.separator().orElse(','), layout.columns());
            case "tsv" -> new CsvRows(file, layout.separator().orElse('\t'), layout.columns());
            case "parquet" -> new ParquetRows(file);
            default ->
                throw new InvalidFile(
                        file, "ends with no known format: .jsonl, .ndjson, .json, .csv, .tsv or .parquet are allowed");
        };
    }
}
