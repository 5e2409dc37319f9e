package dev.sotto.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Records of every format, and what is said of those that are none.
class RowsTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    private static List<Row> rows(Path file, String... columns) throws IOException, InvalidFile {
        List<Row> all = new ArrayList<>();
        try (Rows rows = Rows.open(file, new Rows.Layout(Optional.empty(), List.of(columns), Optional.empty()))) {
            for (Row row = rows.next(); row != null; row = rows.next()) {
                all.add(row);
            }
            assertThat(rows.next()).isNull();
        }
        return all;
    }

    private List<Row> rows(String name, String text) throws IOException, InvalidFile {
        return rows(Files.writeString(folder.resolve(name), text));
    }

    private static Row row(String place, String json) throws IOException {
        return new Row.Fields(place, JSON.readTree(json));
    }

    @Test
    void jsonLines_everyLine_isARecordOrSaysWhyNot() throws Exception {
        assertThat(rows("a.jsonl", """
                \uFEFF{"a": "Größe"}

                {"a": 1, "a": 2}
                [1]
                {oops
                {"b": 2} {"c": 3}
                {"d": 4}"""))
                .containsExactly(
                        row("line 1", "{\"a\": \"Größe\"}"),
                        new Row.Bad("line 3", "is no JSON: Duplicate field 'a'"),
                        new Row.Bad("line 4", "is an array, must be a JSON object"),
                        new Row.Bad(
                                "line 5",
                                "is no JSON: Unexpected character ('o' (code 111)): was expecting double-quote to start field name"),
                        new Row.Bad(
                                "line 6",
                                "is no JSON: Trailing token (of type START_OBJECT) found after value (bound as"
                                        + " `com.fasterxml.jackson.databind.JsonNode`): not allowed as per"
                                        + " `DeserializationFeature.FAIL_ON_TRAILING_TOKENS`"),
                        row("line 7", "{\"d\": 4}"));
    }

    @Test
    void jsonLines_windowsLinesAndAnyJsonEnding_areRead() throws Exception {
        assertThat(rows("a.json", "{\"a\": 1}\r\n\r\n{\"a\": 2}\r\n"))
                .containsExactly(row("line 1", "{\"a\": 1}"), row("line 3", "{\"a\": 2}"));
        assertThat(rows("a.NDJSON", "")).isEmpty();
    }

    @Test
    void jsonLines_brokenUtf8OrHugeLine_isOneBadLine() throws Exception {
        byte[] huge = new byte[Rows.LONGEST + 1];
        Arrays.fill(huge, (byte) ' ');
        Path file = folder.resolve("a.jsonl");
        try (var out = Files.newOutputStream(file)) {
            out.write("{\"a\": \"".getBytes(StandardCharsets.UTF_8));
            out.write(0xC3);
            out.write("\"}\n".getBytes(StandardCharsets.UTF_8));
            out.write(huge);
            out.write("\n{\"a\": 3}\n".getBytes(StandardCharsets.UTF_8));
        }
        assertThat(rows(file))
                .containsExactly(
                        new Row.Bad("line 1", "is not UTF-8"),
                        new Row.Bad("line 2", "has 16777217 bytes, must have at most 16777216"),
                        row("line 3", "{\"a\": 3}"));
    }

    @Test
    void jsonArray_elements_areRecords() throws Exception {
        assertThat(rows("a.json", " \n[{\"a\": 1}, 7, {\"b\": [{}]}]\n"))
                .containsExactly(
                        row("element 1", "{\"a\": 1}"),
                        new Row.Bad("element 2", "is a number, must be a JSON object"),
                        row("element 3", "{\"b\": [{}]}"));
        assertThat(rows("a.json", "[]")).isEmpty();
    }

    @Test
    void jsonArray_brokenInside_isRefusedWithThePlace() throws Exception {
        assertThatThrownBy(() -> rows("a.json", "[{\"a\": 1},\n{\"b\""))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("a.json: element 2 (line 2) is no JSON: Unexpected end-of-input");
        assertThatThrownBy(() -> rows("a.json", "[{\"a\": 1}")).hasMessageContaining("element 2 (line 1)");
        assertThatThrownBy(() -> rows("a.json", "[{\"a\": 1}]\n{}"))
                .hasMessageContaining("line 2 goes on after the array");
    }

    /// As BIG-Bench has its tasks.
    @Test
    void jsonObject_arrayUnderAKey_hasTheRecords() throws Exception {
        Path file = folder.resolve("a.json");
        Rows.Layout layout = new Rows.Layout(Optional.empty(), List.of(), Optional.of("examples"));
        Files.writeString(
                file, "{\"about\": {\"examples\": 1},\n \"examples\": [{\"a\": 1}, {\"a\": 2}], \"more\": 3}");
        try (Rows rows = Rows.open(file, layout)) {
            assertThat(rows.next()).isEqualTo(row("element 1", "{\"a\": 1}"));
            assertThat(rows.next()).isEqualTo(row("element 2", "{\"a\": 2}"));
            assertThat(rows.next()).isNull();
        }
        for (String text : List.of("{\"more\": []}", "[]", "")) {
            Files.writeString(file, text);
            assertThatThrownBy(() -> Rows.open(file, layout))
                    .hasMessageContaining("must be a JSON object with the key examples");
        }
        Files.writeString(file, "{\"examples\": 7}");
        assertThatThrownBy(() -> Rows.open(file, layout)).hasMessageContaining("examples must be an array of objects");
        Files.writeString(file, "{\"a\"");
        assertThatThrownBy(() -> Rows.open(file, layout)).hasMessageContaining("line 1 is no JSON");
        Path csv = Files.writeString(folder.resolve("a.csv"), "a\n1\n");
        assertThatThrownBy(() -> Rows.open(csv, layout)).hasMessageContaining("is for JSON files only");
    }

    @Test
    void csv_quotesSeparatorsAndLineBreaks_areRead() throws Exception {
        assertThat(rows("a.csv", "\uFEFFq,a\r\n\"one, \"\"two\"\"\nthree\",x\r\n\r\ny,\r\n"))
                .containsExactly(
                        row("line 2", "{\"q\": \"one, \\\"two\\\"\\nthree\", \"a\": \"x\"}"),
                        row("line 5", "{\"q\": \"y\", \"a\": \"\"}"));
        assertThat(rows("a.tsv", "q\ta\n1,2\t3\n")).containsExactly(row("line 2", "{\"q\": \"1,2\", \"a\": \"3\"}"));
        assertThat(rows(Files.writeString(folder.resolve("b.csv"), "1,2\n"), "q", "a"))
                .containsExactly(row("line 1", "{\"q\": \"1\", \"a\": \"2\"}"));
    }

    @Test
    void csv_recordOfAnotherWidth_isOneBadLine() throws Exception {
        assertThat(rows("a.csv", "q,a\n1\n1,2,3\n4,5\n"))
                .containsExactly(
                        new Row.Bad("line 2", "has 1 fields, must have 2: [q, a]"),
                        new Row.Bad("line 3", "has 3 fields, must have 2: [q, a]"),
                        row("line 4", "{\"q\": \"4\", \"a\": \"5\"}"));
    }

    @Test
    void csv_badHeadingQuoteOrEncoding_isRefused() throws Exception {
        assertThatThrownBy(() -> rows("a.csv", "")).hasMessageContaining("must begin with the names of the columns");
        assertThatThrownBy(() -> rows("a.csv", "q,q\n")).hasMessageContaining("[q, q], must all have different names");
        assertThatThrownBy(() -> rows("a.csv", "q,a\n1,2\n\"3\"x,4\n"))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("after line 2");
        Path file = folder.resolve("b.csv");
        Files.write(file, new byte[] {'q', '\n', (byte) 0xC3, '\n'});
        assertThatThrownBy(() -> rows(file)).hasMessageContaining("is not UTF-8");
    }

    @Test
    void parquet_everyCodec_givesTheSameRecords() throws Exception {
        List<Row> expected = List.of(
                row("row 1", """
                        {"question": "What is two and two?", "subject": "arithmetic", "choices": ["3", "4", "5", "22"], "answer": 1}"""),
                row("row 2", """
                        {"question": "Which is a colour — blue or Größe?", "subject": "words", "choices": ["blue", "Größe", "日本", ""], "answer": 0}"""),
                row("row 3", "{\"question\": null, \"subject\": \"words\", \"choices\": null, \"answer\": 3}"));
        for (String codec : List.of("uncompressed", "snappy", "gzip", "zstd")) {
            assertThat(rows(Path.of("src/test/resources/data/mmlu-" + codec + ".parquet")))
                    .as(codec)
                    .hasToString(expected.toString());
        }
    }

    @Test
    void parquet_listsOfStructs_becomeArraysOfObjects() throws Exception {
        assertThat(rows(Path.of("src/test/resources/data/ultrafeedback.parquet"))
                        .getFirst())
                .hasToString(row("row 1", """
                        {"prompt": "Name a colour 1", "prompt_id": "id1",
                         "chosen": [{"content": "Name a colour 1", "role": "user"}, {"content": "Blue 1", "role": "assistant"}],
                         "rejected": [{"content": "Name a colour 1", "role": "user"}, {"content": "No. 1", "role": "assistant"}],
                         "messages": [{"content": "Name a colour 1", "role": "user"}, {"content": "Blue 1", "role": "assistant"}],
                         "score_chosen": 8.5, "score_rejected": 3.0}""").toString());
    }

    @Test
    void parquet_cutAnywhere_isRefusedAndNeverAnotherError() throws Exception {
        byte[] whole = Files.readAllBytes(Path.of("src/test/resources/data/mmlu-snappy.parquet"));
        Path file = folder.resolve("a.parquet");
        for (int length = 0; length < whole.length; length += 37) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> rows(file)).as("%d bytes", length).isInstanceOf(InvalidFile.class);
        }
        byte[] changed = whole.clone();
        Arrays.fill(changed, 60, 120, (byte) 0x5A);
        Files.write(file, changed);
        assertThatThrownBy(() -> rows(file)).isInstanceOf(InvalidFile.class);
    }

    @Test
    void open_unknownEndingMissingFileOrNeedlessColumns_isRefused() throws Exception {
        assertThatThrownBy(() -> rows("a.txt", "x"))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining(".jsonl, .ndjson, .json, .csv, .tsv or .parquet are allowed");
        assertThatThrownBy(() -> rows(folder.resolve("none.parquet"))).isInstanceOf(NoSuchFileException.class);
        assertThatThrownBy(() -> rows(folder)).hasMessageContaining("is a folder, must be a file");
        Path file = Files.writeString(folder.resolve("a.jsonl"), "{}");
        assertThatThrownBy(() -> rows(file, "q"))
                .hasMessageContaining("columns and separator are for .csv and .tsv files only");
    }
}
