package dev.sotto.participant.simulate;

import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.djl.Evaluation;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.TrainingSet;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;

/// Measures adapters on what is held out.
///
/// @param evaluation all of it
/// @param kinds      the same by label, or nothing
record Evaluator(
        Model model,
        LoraConfig lora,
        TrainingSet<?> evaluation,
        SortedMap<String, TrainingSet<?>> kinds,
        int batchSize) {
    /// On everything first, then on each label, in their order. Everything's is the labels' mean, weighted as its
    /// objective weighs examples.
    List<Evaluation> of(float[] adapter) {
        if (kinds.isEmpty()) {
            return List.of(Evaluation.of(model, lora, adapter, evaluation, batchSize));
        }
        List<Evaluation> all = new ArrayList<>();
        double loss = 0;
        double weights = 0;
        double correct = 0;
        for (TrainingSet<?> kind : kinds.values()) {
            Evaluation own = Evaluation.of(model, lora, adapter, kind, batchSize);
            double weight = weight(kind);
            loss += own.loss() * weight;
            weights += weight;
            correct += own.accuracy() * own.examples();
            all.add(own);
        }
        int examples = evaluation.examples().size();
        all.addFirst(new Evaluation(loss / weights, correct / examples, examples));
        return all;
    }

    private static <T> double weight(TrainingSet<T> kind) {
        return kind.objective().weight(kind.examples());
    }
}
