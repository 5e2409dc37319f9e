package dev.sotto.training.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.hardwood.InputFile;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.row.PqList;
import dev.hardwood.row.PqMap;
import dev.hardwood.row.PqStruct;
import dev.hardwood.row.StructAccessor;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Parquet, read by Hardwood. Lists, structs and maps become arrays and objects; dates and times their ISO
/// text.
final class ParquetRows implements Rows {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private final Path file;
    private final ParquetFileReader reader;
    private final RowReader rows;
    private long number;

    ParquetRows(Path file) throws IOException, InvalidFile {
        this.file = file;
        ParquetFileReader opened = null;
        try {
            opened = ParquetFileReader.open(InputFile.of(file));
            this.rows = opened.rowReader();
            this.reader = opened;
        } catch (IOException | RuntimeException e) {
            if (opened != null) {
                opened.close();
            }
            throw broken(0, e);
        }
    }

    private InvalidFile broken(long row, Throwable e) {
        return new InvalidFile(
                file, (row == 0 ? "" : "row " + row + " ") + "is no Parquet that can be read: " + e.getMessage());
    }

    @Override
    public @Nullable Row next() throws InvalidFile {
        number++;
        try {
            if (!rows.hasNext()) {
                return null;
            }
            rows.next();
            return new Row.Fields("row " + number, object(rows));
        } catch (RuntimeException e) {
            throw broken(number, e);
        }
    }

    private static ObjectNode object(StructAccessor struct) {
        ObjectNode object = NODES.objectNode();
        for (int i = 0; i < struct.getFieldCount(); i++) {
            object.set(struct.getFieldName(i), struct.isNull(i) ? NODES.nullNode() : node(struct.getValue(i)));
        }
        return object;
    }

    private static JsonNode node(@Nullable Object value) {
        return switch (value) {
            case null -> NODES.nullNode();
            case String text -> NODES.textNode(text);
            case Boolean truth -> NODES.booleanNode(truth);
            case Integer whole -> NODES.numberNode(whole);
            case Long whole -> NODES.numberNode(whole);
            case Float real -> NODES.numberNode(real);
            case Double real -> NODES.numberNode(real);
            case BigDecimal decimal -> NODES.numberNode(decimal);
            case byte[] bytes -> NODES.textNode(new String(bytes, StandardCharsets.UTF_8));
            case PqStruct struct -> object(struct);
            case PqList list -> {
                ArrayNode array = NODES.arrayNode();
                for (int i = 0; i < list.size(); i++) {
                    array.add(list.isNull(i) ? NODES.nullNode() : node(list.get(i)));
                }
                yield array;
            }
            case PqMap map -> {
                ObjectNode object = NODES.objectNode();
                for (PqMap.Entry entry : map.getEntries()) {
                    object.set(
                            String.valueOf(entry.getKey()),
                            entry.isValueNull() ? NODES.nullNode() : node(entry.getValue()));
                }
                yield object;
            }
            default -> NODES.textNode(value.toString());
        };
    }

    @Override
    public void close() throws IOException {
        rows.close();
        reader.close();
    }
}
