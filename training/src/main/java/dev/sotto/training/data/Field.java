package dev.sotto.training.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.Arrays;
import java.util.List;

/// Where a value stands in a record: a name, or a path of names and list positions from 0 with dots between
/// (`chosen.1.content`), or several of these with `|` between, of which the first that is there counts.
///
/// @param paths at least one
public record Field(List<String> paths) {
    /// Of `text` as above.
    ///
    /// @throws IllegalArgumentException if a path is blank
    public static Field parse(String text) {
        List<String> paths =
                Arrays.stream(text.split("\\|", -1)).map(String::strip).toList();
        if (paths.stream().anyMatch(String::isEmpty)) {
            throw new IllegalArgumentException("'" + text + "' must name a field, as in a, a.b, a.0.b or a|b");
        }
        return new Field(paths);
    }

    /// What stands there, or a missing node: never Java's null.
    public JsonNode in(JsonNode record) {
        for (String path : paths) {
            JsonNode found = record.has(path) ? record.path(path) : walk(record, path);
            if (!found.isMissingNode() && !found.isNull()) {
                return found;
            }
        }
        return JsonNodeFactory.instance.missingNode();
    }

    private static JsonNode walk(JsonNode record, String path) {
        JsonNode at = record;
        for (String step : path.split("\\.", -1)) {
            at = at.isArray() && step.matches("\\d{1,9}") ? at.path(Integer.parseInt(step)) : at.path(step);
        }
        return at;
    }

    /// The text that stands there; numbers and truth values as they are written.
    ///
    /// @throws BadRecord if there is none
    public String text(JsonNode record) throws BadRecord {
        JsonNode found = in(record);
        if (found.isMissingNode() || found.isContainerNode()) {
            throw new BadRecord(this + " is " + JsonRows.named(found.getNodeType()) + ", must be a text");
        }
        return found.asText();
    }

    @Override
    public String toString() {
        return String.join("|", paths);
    }
}
