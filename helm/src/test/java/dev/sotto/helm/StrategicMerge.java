package dev.sotto.helm;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.Map;

/// A strategic merge patch of Kubernetes, as far as these charts need it: lists of objects are merged by `name`; any
/// other list of objects is an error, so that nobody takes a wrong merge for a right one.
final class StrategicMerge {
    private static final String ORDER = "$setElementOrder/";
    private static final String DIRECTIVE = "$patch";
    private static final String KEY = "name";

    private StrategicMerge() {}

    /// Changes `object` as `patch` says.
    static void apply(ObjectNode object, ObjectNode patch) {
        for (Map.Entry<String, JsonNode> change : patch.properties()) {
            String field = change.getKey();
            JsonNode wanted = change.getValue();
            if (field.startsWith(ORDER)) {
                continue;
            }
            if (field.startsWith("$")) {
                throw new IllegalArgumentException("no rule for " + field);
            }
            if (wanted.isNull()) {
                object.remove(field);
            } else if (wanted instanceof ObjectNode inner) {
                apply(object.withObjectProperty(field), inner);
            } else if (wanted instanceof ArrayNode list && list.path(0).isObject()) {
                object.set(field, merged(field, object.withArrayProperty(field), list, patch.path(ORDER + field)));
            } else {
                object.set(field, wanted);
            }
        }
    }

    private static ArrayNode merged(String field, ArrayNode before, ArrayNode changes, JsonNode order) {
        Map<String, ObjectNode> byName = new LinkedHashMap<>();
        before.forEach(element -> byName.put(name(field, element), (ObjectNode) element));
        for (JsonNode change : changes) {
            String name = name(field, change);
            if (change.path(DIRECTIVE).asText().equals("delete")) {
                byName.remove(name);
            } else {
                ObjectNode element =
                        byName.computeIfAbsent(name, _ -> change.deepCopy().withObject(""));
                apply(element, (ObjectNode) change);
            }
        }
        ArrayNode after = before.arrayNode();
        order.forEach(element -> after.add(byName.remove(name(field, element))));
        byName.values().forEach(after::add);
        return after;
    }

    private static String name(String field, JsonNode element) {
        if (!element.has(KEY)) {
            throw new IllegalArgumentException("no rule for the list " + field);
        }
        return element.get(KEY).asText();
    }
}
