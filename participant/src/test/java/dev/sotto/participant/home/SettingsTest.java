package dev.sotto.participant.home;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SettingsTest {
    private static final String WHOLE = """
            base: models/base
            data: [a.jsonl, /srv/b.parquet]
            dataset: mapping.yaml
            skipBadLines: true
            seed: -3
            device: cuda:1
            compute: BF16
            holdBase: NF4
            checkpointing: true
            threads: 4
            """;

    @TempDir
    Path folder;

    @Test
    void template_setsNothing_andEachOfItsKeysIsKnown() throws Exception {
        Settings none = read(Settings.TEMPLATE);
        assertThat(none.base()).isEmpty();
        assertThat(none.data()).isEmpty();
        String all = Settings.TEMPLATE.replaceAll("(?m)^# (\\w+: )", "$1");
        assertThat(read(all).threads()).hasValue(4);
        assertThat(bySchema(Settings.schema(), all)).isEmpty();
    }

    @Test
    void everyKey_isRead_pathsFromTheFilesFolder() throws Exception {
        Settings settings = read(WHOLE);
        assertThat(settings.base()).contains(folder.resolve("models/base"));
        assertThat(settings.data()).containsExactly(folder.resolve("a.jsonl"), Path.of("/srv/b.parquet"));
        assertThat(settings.dataset()).contains(folder.resolve("mapping.yaml").toString());
        assertThat(settings.seed()).contains(-3L);
        assertThat(settings.device()).contains("cuda:1");
        assertThat(settings.holdBase()).contains("NF4");
        assertThat(bySchema(Settings.schema(), WHOLE)).isEmpty();
        assertThat(read(WHOLE.replace("mapping.yaml", "gsm8k")).dataset()).contains("gsm8k");
    }

    @Test
    void badValue_namesFileKeyValueAndWhatIsAllowed_alsoByTheSchema() throws Exception {
        refused("threads: 4", "threads: 0", "threads is 0", "1 to 1024");
        refused("threads: 4", "threads: many", "threads is 'many'");
        refused("threads: 4", "thread: 4", "thread is not known");
        refused("device: cuda:1", "device: gpu", "device is 'gpu'", "cuda:<index>");
        refused("compute: BF16", "compute: FP16", "compute is 'FP16'", "[FP32, BF16]");
        refused("holdBase: NF4", "holdBase: [NF4]", "holdBase is [", "[PLAIN, INT8, NF4]");
        refused("skipBadLines: true", "skipBadLines: 1", "skipBadLines is 1", "true or false");
        refused("seed: -3", "seed: 9223372036854775808", "seed is 9223372036854775808", "64 bits");
        refused("data: [a.jsonl, /srv/b.parquet]", "data: []", "data is []");
        refused("base: models/base", "base: 7", "base is 7", "a text");
    }

    /// What the reader takes and refuses, the schema takes and refuses.
    @Test
    void policysSchema_agreesWithItsReader() throws Exception {
        assertThat(bySchema(Policy.schema(), Policy.TEMPLATE)).isEmpty();
        assertThat(bySchema(Policy.schema(), Policy.TEMPLATE.replace("# privacy: {", "privacy: {")))
                .isEmpty();
        for (List<String> bad : List.of(
                List.of("mostRank: 64", "mostRank: big"),
                List.of("mostRank: 64", "mostRnak: 64"),
                List.of("mostRank: 64", "mostRank: 64\nmuch: 1"),
                List.of("verify: sample", "verify: some"),
                List.of("00:00-24:00 UTC", "always"),
                List.of("[uniform, classes]", "[uniform, guess]"),
                List.of("largestShare: 0.5", "largestShare: 2"),
                List.of("smallestCohort: 3", "smallestCohort: 2"),
                List.of("# privacy: {clipNorm: 1.0", "privacy: {clipNorm: 0"))) {
            String text = Policy.TEMPLATE.replace(bad.getFirst(), bad.getLast());
            assertThat(bySchema(Policy.schema(), text)).as(bad.getLast()).isNotEmpty();
            Path file = Files.writeString(folder.resolve("policy.yaml"), text);
            assertThatThrownBy(() -> Policy.read(file)).as(bad.getLast()).isInstanceOf(InvalidFile.class);
        }
    }

    private void refused(String good, String bad, String... parts) throws Exception {
        assertThat(WHOLE).contains(good);
        String text = WHOLE.replace(good, bad);
        assertThatThrownBy(() -> read(text))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("participant.yaml")
                .hasMessageContainingAll(parts);
        assertThat(bySchema(Settings.schema(), text)).as(bad).isNotEmpty();
    }

    private Settings read(String text) throws Exception {
        return Settings.read(Files.writeString(folder.resolve("participant.yaml"), text));
    }

    private static Set<ValidationMessage> bySchema(InputStream schema, String text) throws Exception {
        JsonNode tree = new ObjectMapper(new YAMLFactory()).readTree(text);
        try (schema) {
            return JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
                    .getSchema(schema)
                    .validate(tree);
        }
    }
}
