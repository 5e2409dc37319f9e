package dev.sotto.participant.simulate;

import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.data.Batch;
import dev.sotto.training.djl.Model;
import java.util.List;

/// How good an adapter is on held-out examples.
///
/// @param loss     mean cross entropy per response token, in nats
/// @param accuracy the share of examples whose every response token is the most probable one, given those
///   before it
/// @param examples how many
public record Evaluation(double loss, double accuracy, int examples) {
    /// Measures `adapter` on `data`.
    public static Evaluation of(
            Model model, LoraConfig lora, float[] adapter, List<Batch.Sequence> data, int batchSize) {
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
}
