package dev.sotto.coordinator.settings;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// One mapping of a YAML file, read key by key. Each error names file, key and value, and what is
/// allowed; a key that nobody asked for is an error too.
final class Section {
    private static final Pattern DURATION = Pattern.compile("([0-9]{1,9})(ms|s|m|h|d)");

    private final String place;
    private final JsonNode node;
    private final Set<String> asked = new HashSet<>();

    /// @param place the file, and the path of keys
    Section(String place, JsonNode node) throws InvalidSettings {
        if (!node.isObject()) {
            throw new InvalidSettings(place + " must be a mapping of keys to values");
        }
        this.place = place;
        this.node = node;
    }

    Section section(String key) throws InvalidSettings {
        return new Section(place + ": " + key, required(key));
    }

    String text(String key, Pattern allowed, String description) throws InvalidSettings {
        String value = required(key).asText();
        if (!allowed.matcher(value).matches()) {
            throw bad(key, value, description);
        }
        return value;
    }

    boolean has(String key) {
        asked.add(key);
        return node.hasNonNull(key);
    }

    long integer(String key, long least, long most) throws InvalidSettings {
        JsonNode value = required(key);
        if (!value.isIntegralNumber()
                || !value.canConvertToLong()
                || value.longValue() < least
                || value.longValue() > most) {
            throw bad(key, value.asText(), "an integer from " + least + " to " + most);
        }
        return value.longValue();
    }

    long integer(String key, long least, long most, long otherwise) throws InvalidSettings {
        return has(key) ? integer(key, least, most) : otherwise;
    }

    double number(String key, double least, double most) throws InvalidSettings {
        JsonNode value = required(key);
        if (!value.isNumber() || !(value.doubleValue() >= least && value.doubleValue() <= most)) {
            throw bad(key, value.asText(), "a number from " + least + " to " + most);
        }
        return value.doubleValue();
    }

    double number(String key, double least, double most, double otherwise) throws InvalidSettings {
        return has(key) ? number(key, least, most) : otherwise;
    }

    Duration duration(String key, Duration most) throws InvalidSettings {
        String value = required(key).asText();
        Matcher matcher = DURATION.matcher(value);
        if (!matcher.matches()) {
            throw bad(key, value, "a duration like 500ms, 60s, 10m, 2h");
        }
        long count = Long.parseLong(matcher.group(1));
        Duration duration = switch (matcher.group(2)) {
            case "ms" -> Duration.ofMillis(count);
            case "s" -> Duration.ofSeconds(count);
            case "m" -> Duration.ofMinutes(count);
            case "h" -> Duration.ofHours(count);
            default -> Duration.ofDays(count);
        };
        if (duration.compareTo(most) > 0) {
            throw bad(key, value, "at most " + most.toSeconds() + "s");
        }
        return duration;
    }

    List<String> texts(String key, Pattern allowed, String description) throws InvalidSettings {
        JsonNode list = required(key);
        List<String> texts = new ArrayList<>();
        for (JsonNode item : list) {
            if (!item.isTextual() || !allowed.matcher(item.asText()).matches()) {
                throw bad(key, item.asText(), description);
            }
            texts.add(item.asText());
        }
        if (!list.isArray() || texts.isEmpty()) {
            throw bad(key, list.asText(), "a list, each " + description);
        }
        return texts;
    }

    /// Refuses keys that nobody asked for.
    void done() throws InvalidSettings {
        List<String> unknown = new ArrayList<>();
        node.fieldNames().forEachRemaining(key -> {
            if (!asked.contains(key)) {
                unknown.add(key);
            }
        });
        if (!unknown.isEmpty()) {
            throw new InvalidSettings(place + ": unknown key '" + unknown.getFirst() + "'; allowed are "
                    + String.join(", ", asked.stream().sorted().toList()));
        }
    }

    InvalidSettings bad(String key, String value, String allowed) {
        return new InvalidSettings(place + ": " + key + " is '" + value + "', must be " + allowed);
    }

    private JsonNode required(String key) throws InvalidSettings {
        asked.add(key);
        JsonNode value = node.get(key);
        if (value == null || value.isNull()) {
            throw new InvalidSettings(place + ": " + key + " is missing");
        }
        return value;
    }
}
