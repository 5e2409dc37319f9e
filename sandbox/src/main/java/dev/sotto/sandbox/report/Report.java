package dev.sotto.sandbox.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// What a demo found out: the data of `report.json`, from which `report.html` is drawn.
///
/// @param organisations with the number of their examples
/// @param parameters    of training and of the demo, by name
/// @param evaluation    by adapter: `base`, each organisation alone, `federated`, `pooled`
/// @param rounds        as the coordinator's status shows them
/// @param aggregation   what masking cost, and how exact it is
/// @param adapterPath   PEFT folder
/// @param demoSeconds   of the whole demo
public record Report(
        Map<String, Integer> organisations,
        String algorithm,
        Map<String, Object> parameters,
        Evaluation evaluation,
        List<JsonNode> rounds,
        Aggregation aggregation,
        String adapterPath,
        double demoSeconds) {
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    /// Copies the lists and maps.
    public Report {
        rounds = List.copyOf(rounds);
    }

    /// On the held-out examples.
    ///
    /// @param loss     mean cross entropy per response token, in nats
    /// @param accuracy share of examples whose every response token is the most probable one
    public record Score(double loss, double accuracy) {}

    /// Every adapter's score on the same held-out examples.
    public record Evaluation(int examples, Score base, Map<String, Score> alone, Score federated, Score pooled) {}

    /// Secure aggregation in figures.
    ///
    /// @param maxErrorVsPlaintext largest difference of a coordinate to the plaintext mean, over all
    ///   rounds
    /// @param errorBound          what protocol §4 allows in that round; 0 if nothing was compared
    /// @param bytesPerParameter   that a member sent for each coordinate of its update
    public record Aggregation(int ringBits, double maxErrorVsPlaintext, double errorBound, double bytesPerParameter) {
        /// Whether an adapter moves by the mean itself, so that the mean can be read off it.
        boolean isCompared() {
            return errorBound > 0;
        }

        /// The comparison, in a sentence.
        public String sentence() {
            return isCompared()
                    ? String.format(
                            Locale.ROOT,
                            "at most %.1e from the plaintext one, allowed %.1e",
                            maxErrorVsPlaintext,
                            errorBound)
                    : "not compared with the plaintext one: the adapter does not move by the mean itself; each member"
                            + " recomputed it";
        }
    }

    /// `report.json`.
    public String json() {
        ObjectNode top = JsonNodeFactory.instance.objectNode();
        ObjectNode who = top.putObject("organisations");
        organisations.forEach(who::put);
        top.put("algorithm", algorithm);
        top.set("parameters", JSON.valueToTree(parameters));
        ObjectNode scores = top.putObject("evaluation");
        scores.put("examples", evaluation.examples());
        score(scores, "base", evaluation.base());
        ObjectNode alone = scores.putObject("alone");
        evaluation.alone().forEach((id, score) -> score(alone, id, score));
        score(scores, "federated", evaluation.federated());
        score(scores, "pooled", evaluation.pooled());
        ArrayNode list = top.putArray("rounds");
        rounds.forEach(list::add);
        ObjectNode exactness = top.putObject("aggregation").put("ringBits", aggregation.ringBits());
        if (aggregation.isCompared()) {
            exactness
                    .put("maxErrorVsPlaintext", aggregation.maxErrorVsPlaintext())
                    .put("errorBound", aggregation.errorBound());
        }
        exactness.put("bytesPerParameter", aggregation.bytesPerParameter());
        top.put("adapterPath", adapterPath);
        top.put("demoSeconds", demoSeconds);
        try {
            return JSON.writeValueAsString(top) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a tree can be written", e);
        }
    }

    private static void score(ObjectNode parent, String name, Score score) {
        parent.putObject(name).put("loss", score.loss()).put("accuracy", score.accuracy());
    }
}
