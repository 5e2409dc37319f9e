package dev.sotto.training.evaluation;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/// How well predicted labels meet true ones, as scikit-learn's `accuracy_score` and `f1_score` count: over the
/// labels that occur on either side; 0 for a label that is never predicted right.
///
/// @param accuracy   the share of right ones, which is the micro F1
/// @param macroF1    the mean of the labels' F1
/// @param weightedF1 their mean weighted by how often each is true
public record Labels(double accuracy, double macroF1, double weightedF1) {
    /// Compares.
    ///
    /// @throws IllegalArgumentException unless both have the same size, at least 1
    public static Labels of(List<String> truth, List<String> predicted) {
        if (truth.isEmpty() || truth.size() != predicted.size()) {
            throw new IllegalArgumentException(truth.size() + " true and " + predicted.size()
                    + " predicted labels, must be as many and at least 1");
        }
        Map<String, int[]> counts = new TreeMap<>();
        TreeSet<String> labels = new TreeSet<>(truth);
        labels.addAll(predicted);
        labels.forEach(label -> counts.put(label, new int[3]));
        int right = 0;
        for (int i = 0; i < truth.size(); i++) {
            int[] actual = counts.getOrDefault(truth.get(i), new int[3]);
            int[] claimed = counts.getOrDefault(predicted.get(i), new int[3]);
            actual[1]++;
            claimed[2]++;
            if (truth.get(i).equals(predicted.get(i))) {
                actual[0]++;
                right++;
            }
        }
        double macro = 0;
        double weighted = 0;
        for (int[] count : counts.values()) {
            double f1 = 2.0 * count[0] / (count[1] + count[2]);
            macro += f1 / counts.size();
            weighted += f1 * count[1] / truth.size();
        }
        return new Labels((double) right / truth.size(), macro, weighted);
    }
}
