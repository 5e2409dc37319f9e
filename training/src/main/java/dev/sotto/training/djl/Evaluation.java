package dev.sotto.training.djl;

import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Labelled;
import dev.sotto.training.data.PreferenceTokens;
import java.util.ArrayList;
import java.util.List;

/// How good an adapter is on held-out examples, by the objective that it was trained with.
///
/// @param loss     supervised: mean cross entropy per response token, in nats; preferences: mean loss of a pair
/// @param accuracy supervised: the share of examples whose every response token is the most probable one, given
///   those before it; preferences: the share of pairs whose chosen answer has the higher reward, a tie being wrong
/// @param examples how many
public record Evaluation(double loss, double accuracy, int examples) {
    /// Measures an adapter.
    ///
    /// @param batchSize sequences or pairs computed at once, at least 1
    public static Evaluation of(Model model, LoraConfig lora, float[] adapter, TrainingSet<?> data, int batchSize) {
        return switch (data.objective()) {
            case Objective.DirectPreference objective -> {
                List<PreferenceTokens> pairs = new ArrayList<>();
                data.examples().forEach(pair -> pairs.add((PreferenceTokens) pair));
                yield preferences(model, lora, adapter, objective, pairs, batchSize);
            }
            case Objective.Supervised _ -> {
                List<Labelled> sequences = new ArrayList<>();
                data.examples().forEach(sequence -> sequences.add((Labelled) sequence));
                yield supervised(model, lora, adapter, sequences, batchSize);
            }
            case Objective.Packed _ -> {
                List<Labelled> sequences = new ArrayList<>();
                for (Object row : data.examples()) {
                    ((List<?>) row).forEach(sequence -> sequences.add((Labelled) sequence));
                }
                yield supervised(model, lora, adapter, sequences, batchSize);
            }
        };
    }

    private static Evaluation supervised(
            Model model, LoraConfig lora, float[] adapter, List<Labelled> data, int batchSize) {
        double loss = 0;
        long counted = 0;
        int correct = 0;
        for (int at = 0; at < data.size(); at += batchSize) {
            Batch batch = Batch.of(
                    data.subList(at, Math.min(at + batchSize, data.size())),
                    model.config().padToken());
            Model.Score score = model.score(batch, lora, adapter);
            loss += score.loss() * batch.counted();
            counted += batch.counted();
            for (boolean right : score.correct()) {
                correct += right ? 1 : 0;
            }
        }
        return new Evaluation(loss / Math.max(1, counted), (double) correct / data.size(), data.size());
    }

    private static Evaluation preferences(
            Model model,
            LoraConfig lora,
            float[] adapter,
            Objective.DirectPreference objective,
            List<PreferenceTokens> pairs,
            int batchSize) {
        double loss = 0;
        int correct = 0;
        for (int at = 0; at < pairs.size(); at += batchSize) {
            Batch batch = objective.batch(
                    pairs.subList(at, Math.min(at + batchSize, pairs.size())),
                    model.config().padToken());
            double[] margins = objective.margins(
                    model.score(batch, lora, adapter).logProbabilities(),
                    model.score(batch).logProbabilities());
            for (double margin : margins) {
                loss += Objective.DirectPreference.loss(margin);
                correct += margin > 0 ? 1 : 0;
            }
        }
        return new Evaluation(loss / pairs.size(), (double) correct / pairs.size(), pairs.size());
    }
}
