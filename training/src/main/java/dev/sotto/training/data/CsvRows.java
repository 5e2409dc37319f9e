package dev.sotto.training.data;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvRecord;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.io.PushbackReader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// CSV and TSV, read by FastCSV. Every field is a text. A record's place is the line on which it begins.
final class CsvRows implements Rows {
    private final Path file;
    private final CsvReader<CsvRecord> reader;
    private final Iterator<CsvRecord> records;
    private final List<String> columns;
    private long line = 1;

    CsvRows(Path file, char separator, List<String> columns) throws IOException, InvalidFile {
        this.file = file;
        PushbackReader text = new PushbackReader(Files.newBufferedReader(file));
        try {
            int first = text.read();
            if (first >= 0 && first != '\uFEFF') {
                text.unread(first);
            }
        } catch (CharacterCodingException e) {
            text.close();
            throw new InvalidFile(file, "line 1 or later is not UTF-8");
        }
        this.reader = CsvReader.builder()
                .fieldSeparator(separator)
                .skipEmptyLines(true)
                .allowExtraFields(true)
                .allowMissingFields(true)
                .allowExtraCharsAfterClosingQuote(false)
                .maxBufferSize(LONGEST)
                .ofCsvRecord(text);
        this.records = reader.iterator();
        try {
            this.columns = columns.isEmpty() ? heading() : columns;
            if (new HashSet<>(this.columns).size() < this.columns.size()) {
                throw new InvalidFile(file, "the columns are " + this.columns + ", must all have different names");
            }
        } catch (InvalidFile e) {
            close();
            throw e;
        }
    }

    private List<String> heading() throws IOException, InvalidFile {
        CsvRecord record = read();
        if (record == null) {
            throw new InvalidFile(file, "is empty, must begin with the names of the columns");
        }
        return record.getFields();
    }

    private @Nullable CsvRecord read() throws IOException, InvalidFile {
        try {
            if (!records.hasNext()) {
                return null;
            }
            CsvRecord record = records.next();
            line = record.getStartingLineNumber();
            return record;
        } catch (CsvParseException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw cause instanceof CharacterCodingException
                    ? notText()
                    : new InvalidFile(file, "after line " + line + ": " + cause.getMessage());
        } catch (UncheckedIOException e) {
            if (e.getCause() instanceof CharacterCodingException) {
                throw notText();
            }
            throw e.getCause();
        }
    }

    private InvalidFile notText() {
        return new InvalidFile(file, "line " + line + " or later is not UTF-8");
    }

    @Override
    public @Nullable Row next() throws IOException, InvalidFile {
        CsvRecord record = read();
        if (record == null) {
            return null;
        }
        String place = "line " + line;
        if (record.getFieldCount() != columns.size()) {
            return new Row.Bad(
                    place, "has " + record.getFieldCount() + " fields, must have " + columns.size() + ": " + columns);
        }
        ObjectNode fields = JsonNodeFactory.instance.objectNode();
        for (int i = 0; i < columns.size(); i++) {
            fields.put(columns.get(i), record.getField(i));
        }
        return new Row.Fields(place, fields);
    }

    @Override
    public void close() throws IOException {
        reader.close();
    }
}
