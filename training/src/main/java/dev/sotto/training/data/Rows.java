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
        return open(file, Csv.BY_NAME);
    }

    /// How a CSV file is laid out.
    ///
    /// @param separator between fields, or nothing: a comma in `.csv`, a tab in `.tsv`
    /// @param columns   the names of the columns of a file without a heading; empty: it has one
    record Csv(Optional<Character> separator, List<String> columns) {
        /// What the file's name says, with a heading.
        public static final Csv BY_NAME = new Csv(Optional.empty(), List.of());
    }

    /// Opens a file.
    ///
    /// @throws InvalidFile as [#open(Path)] does, or if the file is no CSV file and its columns or separator are
    ///   given
    static Rows open(Path file, Csv csv) throws IOException, InvalidFile {
        if (!Files.exists(file)) {
            throw new NoSuchFileException(file.toString());
        }
        if (Files.isDirectory(file)) {
            throw new InvalidFile(file, "is a folder, must be a file");
        }
        String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
        String ending = name.substring(name.lastIndexOf('.') + 1);
        if (!csv.equals(Csv.BY_NAME) && !ending.equals("csv") && !ending.equals("tsv")) {
            throw new InvalidFile(
                    file, "has names for its fields; columns and separator are for .csv and .tsv files only");
        }
        return switch (ending) {
            case "jsonl", "ndjson", "json" -> JsonRows.open(file);
            case "csv" -> new CsvRows(file, csv.separator().orElse(','), csv.columns());
            case "tsv" -> new CsvRows(file, csv.separator().orElse('\t'), csv.columns());
            case "parquet" -> new ParquetRows(file);
            default ->
                throw new InvalidFile(
                        file, "ends with no known format: .jsonl, .ndjson, .json, .csv, .tsv or .parquet are allowed");
        };
    }
}
