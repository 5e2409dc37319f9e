package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `sotto privacy`: what a training would cost, without training.
@Command(
        name = "privacy",
        description = "What a training with differential privacy costs: epsilon of some noise, or the noise for an"
                + " epsilon.",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class PrivacyCommand implements Callable<Integer> {
    @Option(names = "--examples", required = true, description = "That are drawn from.")
    int examples;

    @Option(names = "--batch-size", defaultValue = "8", description = "Examples a step (default ${DEFAULT-VALUE}).")
    int batchSize;

    @Option(names = "--steps", required = true, description = "Of all rounds and attempts together.")
    long steps;

    @Mixin
    PrivacyOptions privacy = new PrivacyOptions();

    @Mixin
    OutputOption format = new OutputOption();

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        if (examples < 1 || batchSize < 1 || steps < 1) {
            throw new ParameterException(spec.commandLine(), "--examples, --batch-size and --steps must be at least 1");
        }
        PrivacyOptions.Cost cost = privacy.cost(batchSize, examples, steps)
                .orElseThrow(() -> new ParameterException(spec.commandLine(), "give --dp-noise or --dp-epsilon"));
        spec.commandLine().getOut().println(format.json() ? json(cost) : text(cost));
        return 0;
    }

    static String text(PrivacyOptions.Cost cost) {
        return String.format(
                Locale.ROOT,
                "differential privacy of each of %d examples: epsilon %.3f at delta %s after %d steps,"
                        + " noise multiplier %.4f",
                cost.records(),
                cost.epsilon(),
                cost.delta(),
                cost.steps(),
                cost.step().noiseMultiplier());
    }

    private static String json(PrivacyOptions.Cost cost) {
        return JsonNodeFactory.instance
                .objectNode()
                .put("epsilon", cost.epsilon())
                .put("delta", cost.delta())
                .put("noiseMultiplier", cost.step().noiseMultiplier())
                .put("samplingRate", cost.step().rate())
                .put("steps", cost.steps())
                .toString();
    }
}
