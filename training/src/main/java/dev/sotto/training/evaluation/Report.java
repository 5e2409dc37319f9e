package dev.sotto.training.evaluation;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;

/// What came of a task.
///
/// @param task     its name
/// @param examples how many records counted
/// @param skipped  how many were left out because they were bad
/// @param firstBad what is said of the first of them
/// @param metrics  by name, in order
/// @param details  one object per record that counted: its place, what was answered, how it counted
public record Report(
        String task,
        long examples,
        long skipped,
        List<String> firstBad,
        Map<String, Double> metrics,
        List<ObjectNode> details) {
    /// Without the details.
    public ObjectNode summary() {
        ObjectNode summary = JsonNodeFactory.instance
                .objectNode()
                .put("task", task)
                .put("examples", examples)
                .put("skipped", skipped);
        ObjectNode all = summary.putObject("metrics");
        metrics.forEach(all::put);
        return summary;
    }
}
