package dev.sotto.training.evaluation;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.BadRecord;
import dev.sotto.training.data.Field;
import dev.sotto.training.data.YamlFile;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// A field that is made from another: by its values, or by bounds on a number.
///
/// @param field     which
/// @param values    by what stands there
/// @param below     by the first bound, ascending, that the number there is less than
/// @param otherwise everything else; if there is nothing, that is a mistake in the data
record Derived(Field field, Map<String, String> values, TreeMap<Double, String> below, Optional<String> otherwise) {
    static Derived read(YamlFile yaml) throws InvalidFile {
        Field field = yaml.field("field");
        Map<String, String> values = yaml.has("values") ? yaml.map("values") : Map.of();
        TreeMap<Double, String> below = new TreeMap<>();
        if (yaml.has("below")) {
            for (Map.Entry<String, String> entry : yaml.map("below").entrySet()) {
                try {
                    below.put(Double.valueOf(entry.getKey()), entry.getValue());
                } catch (NumberFormatException e) {
                    throw yaml.mistake("below", "values by numbers");
                }
            }
        }
        if (values.isEmpty() == below.isEmpty()) {
            throw yaml.mistake("values", "there, or below, and not both");
        }
        Optional<String> otherwise = yaml.has("otherwise") ? Optional.of(yaml.text("otherwise")) : Optional.empty();
        yaml.end();
        return new Derived(field, values, below, otherwise);
    }

    String of(JsonNode record) throws BadRecord {
        String text = field.text(record);
        String value = values.get(text);
        if (!below.isEmpty()) {
            try {
                Map.Entry<Double, String> bound = below.higherEntry(Double.valueOf(text));
                value = bound == null ? null : bound.getValue();
            } catch (NumberFormatException e) {
                throw new BadRecord(field + " is '" + text + "', must be a number");
            }
        }
        if (value == null && otherwise.isEmpty()) {
            throw new BadRecord(field + " is '" + text + "', must be "
                    + (below.isEmpty() ? "one of " + values.keySet() : "less than " + below.lastKey()));
        }
        return value == null ? otherwise.get() : value;
    }
}
