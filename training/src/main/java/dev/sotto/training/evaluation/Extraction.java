package dev.sotto.training.evaluation;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What of a generated text, or of a reference, is the answer.
public enum Extraction {
    /// All of it, without space around it.
    WHOLE {
        @Override
        Optional<String> from(String text) {
            return Optional.of(text.strip());
        }
    },
    /// The number after the first `#### `, without commas (Cobbe et al., 2021: GSM8K's own `extract_answer`).
    AFTER_HASHES {
        @Override
        Optional<String> from(String text) {
            Matcher found = Pattern.compile("#### (-?[0-9.,]+)").matcher(text);
            return found.find() ? Optional.of(found.group(1).strip().replace(",", "")) : Optional.empty();
        }
    },
    /// The last number in the text, without commas and without a point at its end.
    LAST_NUMBER {
        @Override
        Optional<String> from(String text) {
            return Pattern.compile("-?\\d[\\d,]*(?:\\.\\d+)?|-?\\.\\d+")
                    .matcher(text)
                    .results()
                    .reduce((one, next) -> next)
                    .map(last -> last.group().replace(",", ""));
        }
    },
    /// What stands after the first `the answer is`, to the end of its line, without a point at its end
    /// (Suzgun et al., 2022: BIG-Bench Hard with chains of thought).
    ANSWER_IS {
        @Override
        Optional<String> from(String text) {
            Matcher found = Pattern.compile("(?i)the answer is[: ]+([^\\n]*)").matcher(text);
            return found.find() ? Optional.of(found.group(1).strip().replaceAll("\\.$", "")) : Optional.empty();
        }
    },
    /// What stands in the last `\boxed{…}` (Hendrycks et al., 2021: MATH).
    BOXED {
        @Override
        Optional<String> from(String text) {
            int from = text.lastIndexOf("\\boxed{");
            int depth = 0;
            for (int i = from + 6; from >= 0 && i < text.length(); i++) {
                depth += text.charAt(i) == '{' ? 1 : text.charAt(i) == '}' ? -1 : 0;
                if (depth == 0) {
                    return Optional.of(text.substring(from + 7, i).strip());
                }
            }
            return Optional.empty();
        }
    };

    /// The answer, if there is one.
    abstract Optional<String> from(String text);

    /// As task files name it: `after-hashes`.
    public String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /// By that name.
    static Extraction named(String key) {
        return Arrays.stream(values())
                .filter(extraction -> extraction.key().equals(key))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(key + " must be one of " + keys()));
    }

    static List<String> keys() {
        return Arrays.stream(values()).map(Extraction::key).toList();
    }
}
