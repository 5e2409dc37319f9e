package dev.sotto.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.sotto.coordinator.director.BoardScript;
import dev.sotto.coordinator.settings.Folder;
import io.quarkus.arc.ClientProxy;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What `/q/metrics` shows, what docs/metrics.md says that it shows, and what the chart's dashboard and alerts ask
/// for.
@QuarkusTest
@QuarkusTestResource(Https.class)
@Timeout(60)
class MetricsTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath();
    private static final Path MONITORING = ROOT.resolve("helm/coordinator/monitoring");
    private static final Pattern NAME = Pattern.compile("\\b(?:sotto|jvm|process)_[a-z_]+");
    private static final Pattern ROW = Pattern.compile("(?m)^\\| (`[^|]*`) \\| (gauge|counter|summary) \\|([^|]*)\\|");
    private static final Pattern TYPE = Pattern.compile("(?m)^# TYPE (\\S+) (\\S+)$");
    private static final Pattern SERIES = Pattern.compile("(?m)^(\\w+)(?:\\{([^}]*)\\})? ");

    @Inject
    Service service;

    @Test
    void everyMetric_isInTheTable_withItsTypeAndLabels_andTheOtherWayRound() throws Exception {
        String shown = scrape();
        Map<String, String> types = new TreeMap<>();
        Matcher type = TYPE.matcher(shown);
        while (type.find()) {
            types.put(type.group(1), type.group(2));
        }
        Map<String, String> documented = new TreeMap<>();
        Map<String, Set<String>> labels = new TreeMap<>();
        Matcher row = ROW.matcher(Files.readString(ROOT.resolve("docs/metrics.md")));
        while (row.find()) {
            for (String name : quoted(row.group(1))) {
                documented.put(name, row.group(2));
                labels.put(name, new TreeSet<>(quoted(row.group(3))));
            }
        }
        Map<String, String> ours = new TreeMap<>(types);
        ours.keySet().removeIf(name -> !name.startsWith("sotto_"));
        Map<String, String> said = new TreeMap<>(documented);
        said.keySet().removeIf(name -> !name.startsWith("sotto_"));
        assertThat(said).isEqualTo(ours).hasSizeGreaterThan(15);
        assertThat(types).containsAllEntriesOf(documented);

        Matcher series = SERIES.matcher(shown);
        while (series.find()) {
            String name = series.group(1).replaceFirst("_(count|sum)$", "");
            if (documented.containsKey(name)) {
                Set<String> its = new TreeSet<>();
                String all = series.group(2) == null ? "" : series.group(2);
                Matcher label = Pattern.compile("(\\w+)=\"").matcher(all);
                while (label.find()) {
                    its.add(label.group(1));
                }
                assertThat(its).as(name).isEqualTo(labels.get(name));
            }
        }
    }

    @Test
    void figures_areTheBoards() throws Exception {
        BoardScript script = new BoardScript(service.overview().orElseThrow().board(), Instant.now())
                .opened(7, 1, "acme", "bank", "city")
                .refused("bank", "BAD_SIGNATURE")
                .aborted("TOO_FEW", "2, need 3")
                .opened(7, 2, "acme", "bank", "city")
                .aborted("SomethingNew", "from a later version")
                .round(7, 1.25, "acme", "bank", "city");
        assertThat(scrape())
                .contains(
                        "sotto_mean_loss 1.25\n", "sotto_survivors 3.0\n", "sotto_cohort 3.0\n", "sotto_attempt 0.0\n")
                .contains("sotto_clipped_ratio 0.001\n")
                .contains("sotto_range{tensor=\"narrowest\"} 2.0\n", "sotto_range{tensor=\"widest\"} 8.0\n")
                .contains("sotto_attempts_aborted_total{reason=\"TOO_FEW\"} 1.0\n")
                .contains("sotto_attempts_aborted_total{reason=\"OTHER\"} 1.0\n")
                .contains("sotto_attempts_aborted_total{reason=\"NeedsLift\"} 0.0\n")
                .contains("sotto_messages_refused_total{reason=\"BAD_SIGNATURE\"} 1.0\n")
                .contains("sotto_members_dropped_total{phase=\"keys\"} 6.0\n")
                .contains("sotto_members{state=\"active\"} 0.0\n")
                .contains("sotto_members{state=\"suspended\"} 0.0\n")
                .contains("sotto_rounds 20.0\n")
                .contains("sotto_certificate_first_end_seconds NaN\n")
                .doesNotContain("acme");
        script.opened(8, 3, "acme", "bank", "city");
        assertThat(scrape()).contains("sotto_attempt 3.0\n");
    }

    @Test
    void whatAReplicaHasByItself_isShown_whetherItDirectsOrNot() throws Exception {
        ((ShownService) ClientProxy.unwrap(service)).standBy(true);
        try {
            String shown = scrape();
            assertThat(shown)
                    .contains("sotto_director_ready 0.0\n", "sotto_slots 0.0\n", "sotto_chunk_lag 0.0\n")
                    .contains("sotto_survivors NaN\n", "sotto_range{tensor=\"widest\"} NaN\n");
            Matcher resident = Pattern.compile("(?m)^process_resident_memory_bytes (\\S+)$")
                    .matcher(shown);
            assertThat(resident.find()).isTrue();
            // The heap in use is in it; Linux alone says it.
            if (Files.exists(Path.of("/proc/self/status"))) {
                Runtime java = Runtime.getRuntime();
                assertThat(Double.parseDouble(resident.group(1)))
                        .isGreaterThan((java.totalMemory() - java.freeMemory()) / 2.0)
                        .isLessThan(64e9);
            }
        } finally {
            ((ShownService) ClientProxy.unwrap(service)).standBy(false);
        }
    }

    @Test
    void whatTheChartAsksFor_isThere() throws Exception {
        Set<String> shown = new TreeSet<>();
        Matcher series = SERIES.matcher(scrape());
        while (series.find()) {
            shown.add(series.group(1));
        }
        List<String> expressions = new ArrayList<>();
        JsonNode dashboard =
                new ObjectMapper().readTree(MONITORING.resolve("dashboard.json").toFile());
        dashboard.findValuesAsText("expr").forEach(expressions::add);
        dashboard.findValuesAsText("query").forEach(expressions::add);
        int ofDashboard = expressions.size();
        JsonNode rules = new ObjectMapper(new YAMLFactory())
                .readTree(MONITORING.resolve("rules.yaml").toFile());
        rules.findValuesAsText("expr").forEach(expressions::add);
        assertThat(ofDashboard).isGreaterThan(15);
        assertThat(expressions.size() - ofDashboard).isGreaterThan(5);
        assertThat(expressions).allSatisfy(expression -> {
            Set<String> asked = new TreeSet<>();
            Matcher name = NAME.matcher(expression);
            while (name.find()) {
                asked.add(name.group());
            }
            assertThat(shown).as(expression).containsAll(asked);
            if (!expression.equals("prometheus")) {
                assertThat(asked).as(expression).isNotEmpty();
            }
        });
    }

    private static List<String> quoted(String cell) {
        List<String> all = new ArrayList<>();
        Matcher name = Pattern.compile("`([^`]+)`").matcher(cell);
        while (name.find()) {
            all.add(name.group(1));
        }
        return all;
    }

    private String scrape() throws Exception {
        Folder folder = new Folder(service.folder());
        HttpResponse<String> answer = Https.client(folder, folder.viewer())
                .send(
                        HttpRequest.newBuilder(URI.create(service.settings().url() + "/q/metrics"))
                                .header("Accept", "text/plain; version=0.0.4")
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        assertThat(answer.statusCode()).isEqualTo(200);
        return answer.body().replace(",}", "}");
    }
}
