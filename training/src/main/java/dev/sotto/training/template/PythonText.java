package dev.sotto.training.template;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Python's methods of texts, as chat templates call them; Jinjava would look for Java's.
final class PythonText {
    private PythonText() {}

    /// Calls a method of `text`; nothing, if it is not known here or lacks an argument.
    static @Nullable Object call(String text, String method, @Nullable Object[] arguments) {
        String first = arguments.length > 0 && arguments[0] != null ? arguments[0].toString() : null;
        return switch (method) {
            case "startswith" -> first != null && text.startsWith(first);
            case "endswith" -> first != null && text.endsWith(first);
            case "strip" -> strip(text, first, true, true);
            case "lstrip" -> strip(text, first, true, false);
            case "rstrip" -> strip(text, first, false, true);
            case "split" -> split(text, first, arguments.length > 1 ? arguments[1] : null);
            case "upper" -> text.toUpperCase(Locale.ROOT);
            case "lower" -> text.toLowerCase(Locale.ROOT);
            case "title" -> title(text);
            case "replace" ->
                first != null && arguments.length > 1 && arguments[1] != null
                        ? text.replace(first, arguments[1].toString())
                        : null;
            case "find" -> first == null ? null : (Object) (long) text.indexOf(first);
            default -> null;
        };
    }

    private static String strip(String text, @Nullable String of, boolean left, boolean right) {
        int start = 0;
        int end = text.length();
        while (left && start < end && stripped(text.charAt(start), of)) {
            start++;
        }
        while (right && end > start && stripped(text.charAt(end - 1), of)) {
            end--;
        }
        return text.substring(start, end);
    }

    private static boolean stripped(char c, @Nullable String of) {
        return of == null ? Character.isWhitespace(c) || Character.isSpaceChar(c) : of.indexOf(c) >= 0;
    }

    private static List<String> split(String text, @Nullable String by, @Nullable Object most) {
        int limit = most instanceof Number number && number.intValue() >= 0 ? number.intValue() + 1 : -1;
        String[] parts =
                by == null ? strip(text, null, true, true).split("\\s+", limit) : text.split(Pattern.quote(by), limit);
        return new ArrayList<>(Arrays.asList(parts));
    }

    private static String title(String text) {
        StringBuilder titled = new StringBuilder();
        boolean inside = false;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            titled.append(inside ? Character.toLowerCase(c) : Character.toUpperCase(c));
            inside = Character.isLetter(c);
        }
        return titled.toString();
    }
}
