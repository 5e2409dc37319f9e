package dev.sotto.training.evaluation;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sotto.training.data.BadRecord;
import dev.sotto.training.data.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A text with fields of a record: `{{question}}`, `{{choices.0}}`. A list is written with line ends between.
/// Everything else stands as it is, single braces too.
public final class PromptText {
    private static final Pattern PLACE = Pattern.compile("\\{\\{(.*?)}}", Pattern.DOTALL);

    private final List<String> texts = new ArrayList<>();
    private final List<Field> fields = new ArrayList<>();

    private PromptText() {}

    /// Of a text as above.
    ///
    /// @throws IllegalArgumentException if a field is not one
    public static PromptText parse(String text) {
        PromptText parsed = new PromptText();
        Matcher places = PLACE.matcher(text);
        int from = 0;
        while (places.find()) {
            parsed.texts.add(text.substring(from, places.start()));
            parsed.fields.add(Field.parse(places.group(1)));
            from = places.end();
        }
        parsed.texts.add(text.substring(from));
        return parsed;
    }

    /// The text with a record's fields.
    ///
    /// @throws BadRecord if one is missing
    public String fill(JsonNode record) throws BadRecord {
        StringBuilder filled = new StringBuilder(texts.getFirst());
        for (int i = 0; i < fields.size(); i++) {
            JsonNode found = fields.get(i).in(record);
            if (found.isArray()) {
                List<String> lines = new ArrayList<>();
                found.forEach(line -> lines.add(line.asText()));
                filled.append(String.join("\n", lines));
            } else {
                filled.append(fields.get(i).text(record));
            }
            filled.append(texts.get(i + 1));
        }
        return filled.toString();
    }
}
