package dev.sotto.training.evaluation;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// Exact match and F1 of DROP (Dua et al., 2019), as its official `drop_eval.py` normalises, matches and rounds.
///
/// @param exact whether the normalised spans are the same
/// @param f1    mean over aligned spans of the F1 of their words, to two decimals, half to even as NumPy rounds
public record Drop(boolean exact, double f1) {
    private static final Pattern NUMBER =
            Pattern.compile("[+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?|[+-]?(?:inf|infinity|nan)");
    private static final String PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

    /// The best of the references for a predicted answer.
    ///
    /// @param references each a list of spans, at least one
    public static Drop best(List<String> predicted, List<List<String>> references) {
        Drop best = new Drop(false, 0);
        for (List<String> reference : references) {
            Drop one = of(predicted, reference);
            if (!reference.getFirst().isBlank()) {
                best = new Drop(best.exact || one.exact, Math.max(best.f1, one.f1));
            }
        }
        return best;
    }

    /// One reference.
    ///
    /// @param predicted spans, at least one
    /// @param reference spans, at least one
    public static Drop of(List<String> predicted, List<String> reference) {
        List<String> said = predicted.stream().map(Drop::normalised).toList();
        List<String> gold = reference.stream().map(Drop::normalised).toList();
        boolean exact = said.size() == gold.size() && new HashSet<>(said).equals(new HashSet<>(gold));
        double[][] scores = new double[gold.size()][said.size()];
        for (int i = 0; i < gold.size(); i++) {
            for (int j = 0; j < said.size(); j++) {
                scores[i][j] = f1(words(said.get(j)), words(gold.get(i)));
            }
        }
        double mean = bestAssignment(scores) / Math.max(gold.size(), said.size());
        return new Drop(exact, Math.rint(mean * 100) / 100);
    }

    /// The spans of an answer in the data set's form: `number`, `spans` or `date`.
    static List<String> spans(JsonNode answer) {
        String number = answer.path("number").asText("");
        if (!number.isEmpty()) {
            return List.of(number);
        }
        if (!answer.path("spans").isEmpty()) {
            List<String> spans = new ArrayList<>();
            answer.path("spans").forEach(span -> spans.add(span.asText()));
            return spans;
        }
        JsonNode date = answer.path("date");
        return List.of(date.path("day").asText("") + " " + date.path("month").asText("") + " "
                + date.path("year").asText(""));
    }

    static String normalised(String text) {
        return Arrays.stream(text.split("[ -]", -1))
                .map(token -> token.toLowerCase(Locale.ROOT))
                .map(token -> isNumber(token) ? token : withoutPunctuation(token))
                .map(token -> isNumber(token) ? canonical(token) : token)
                .map(token -> token.replaceAll("(?U)\\b(a|an|the)\\b", " "))
                .map(token -> String.join(" ", token.strip().split("\\s+")))
                .filter(token -> !token.isBlank())
                .collect(Collectors.joining(" "))
                .strip();
    }

    private static boolean isNumber(String token) {
        return NUMBER.matcher(token.strip()).matches();
    }

    private static String canonical(String token) {
        String bare = token.strip();
        return bare.matches("[+-]?(inf|infinity|nan)")
                ? bare.replace("infinity", "inf").replace("+", "")
                : Double.toString(Double.parseDouble(bare));
    }

    private static String withoutPunctuation(String token) {
        return token.chars()
                .filter(c -> PUNCTUATION.indexOf(c) < 0)
                .mapToObj(Character::toString)
                .collect(Collectors.joining());
    }

    private static Set<String> words(String normalised) {
        return Arrays.stream(normalised.split("\\s+"))
                .filter(word -> !word.isEmpty())
                .collect(Collectors.toSet());
    }

    /// 0 also if the reference has numbers of which the answer has none.
    private static double f1(Set<String> said, Set<String> gold) {
        Set<String> common = new HashSet<>(gold);
        common.retainAll(said);
        if (gold.stream().anyMatch(Drop::isNumber) && common.stream().noneMatch(Drop::isNumber)) {
            return 0;
        }
        double precision = said.isEmpty() ? 1 : (double) common.size() / said.size();
        double recall = gold.isEmpty() ? 1 : (double) common.size() / gold.size();
        return precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall);
    }

    /// The largest sum of scores with at most one of each row and column: Kuhn and Munkres, with potentials.
    private static double bestAssignment(double[][] scores) {
        int n = Math.max(scores.length, scores[0].length);
        double[] rowPotential = new double[n + 1];
        double[] columnPotential = new double[n + 1];
        int[] rowOf = new int[n + 1];
        for (int row = 1; row <= n; row++) {
            int[] from = new int[n + 1];
            double[] least = new double[n + 1];
            Arrays.fill(least, Double.POSITIVE_INFINITY);
            boolean[] used = new boolean[n + 1];
            int column = 0;
            rowOf[0] = row;
            while (rowOf[column] != 0) {
                used[column] = true;
                int next = 0;
                double delta = Double.POSITIVE_INFINITY;
                for (int j = 1; j <= n; j++) {
                    if (!used[j]) {
                        int i = rowOf[column] - 1;
                        double cost = (i < scores.length && j <= scores[0].length ? -scores[i][j - 1] : 0)
                                - rowPotential[rowOf[column]]
                                - columnPotential[j];
                        if (cost < least[j]) {
                            least[j] = cost;
                            from[j] = column;
                        }
                        if (least[j] < delta) {
                            delta = least[j];
                            next = j;
                        }
                    }
                }
                for (int j = 0; j <= n; j++) {
                    if (used[j]) {
                        rowPotential[rowOf[j]] += delta;
                        columnPotential[j] -= delta;
                    } else {
                        least[j] -= delta;
                    }
                }
                column = next;
            }
            while (column != 0) {
                rowOf[column] = rowOf[from[column]];
                column = from[column];
            }
        }
        double sum = 0;
        for (int j = 1; j <= scores[0].length; j++) {
            sum += rowOf[j] <= scores.length ? scores[rowOf[j] - 1][j - 1] : 0;
        }
        return sum;
    }
}
