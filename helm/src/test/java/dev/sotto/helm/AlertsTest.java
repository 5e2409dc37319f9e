package dev.sotto.helm;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The alert rules and the dashboard's queries of the coordinator's chart, by Prometheus' own tool, where it is
/// installed.
class AlertsTest {
    private static final Path RULES = Chart.COORDINATOR.folder().resolve("monitoring/rules.yaml");
    private static final Path DASHBOARD = Chart.COORDINATOR.folder().resolve("monitoring/dashboard.json");
    private static final Path CASES = Chart.resource("alerts.yaml");

    @Test
    void rules_areOnesThatPrometheusLoads() throws Exception {
        assertThat(promtool("check", "rules", RULES.toString())).contains("SUCCESS");
    }

    /// On time series that are made for them.
    @Test
    void alerts_fireWhenTheyShall_andNotOtherwise() throws Exception {
        assertThat(promtool("test", "rules", CASES.toString())).contains("SUCCESS");
    }

    @Test
    void everyAlert_hasSuchACase() throws Exception {
        List<String> alerts = Chart.yaml(RULES).findValuesAsText("alert");
        assertThat(alerts).isNotEmpty();
        Set<String> fired = Chart.yaml(CASES).findParents("exp_alerts").stream()
                .map(expected -> expected.path("alertname").asText())
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(fired).containsExactlyInAnyOrderElementsOf(alerts);
    }

    /// As rules, which the tool reads; with Grafana's variables filled in.
    @Test
    void whatTheDashboardAsks_isReadByPrometheus(@TempDir Path folder) throws Exception {
        ObjectMapper yaml = new ObjectMapper(new YAMLFactory());
        ArrayNode rules = yaml.createArrayNode();
        for (JsonNode asked : Chart.yaml(DASHBOARD).findValues("expr")) {
            rules.addObject()
                    .put("record", "dashboard:query" + rules.size())
                    .put("expr", asked.asText().replace("$instance", ".*").replace("$__range", "1d"));
        }
        assertThat(rules).hasSizeGreaterThan(15);
        ObjectNode file = yaml.createObjectNode();
        file.putArray("groups").addObject().put("name", "dashboard").set("rules", rules);
        Path queries = folder.resolve("queries.yaml");
        yaml.writeValue(queries.toFile(), file);
        assertThat(promtool("check", "rules", queries.toString())).contains(rules.size() + " rules found");
    }

    private static String promtool(String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("promtool"));
        command.addAll(List.of(arguments));
        return Tool.run(Path.of("."), command);
    }
}
