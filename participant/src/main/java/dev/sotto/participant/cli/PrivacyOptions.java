package dev.sotto.participant.cli;

import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.training.privacy.DpSgd;
import dev.sotto.training.privacy.Noise;
import dev.sotto.training.privacy.RenyiCurve;
import dev.sotto.training.privacy.SampledGaussian;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// Differential privacy of the examples.
final class PrivacyOptions {
    @Option(
            names = "--dp-noise",
            paramLabel = "SIGMA",
            description = "Differential privacy of each example: noise of SIGMA times --dp-clip on each step's sum"
                    + " (default: none).")
    Optional<Double> noise = Optional.empty();

    @Option(names = "--dp-epsilon", description = "The same, with the least noise that keeps this epsilon.")
    Optional<Double> epsilon = Optional.empty();

    @Option(
            names = "--dp-clip",
            paramLabel = "C",
            defaultValue = "1",
            description = "Longest gradient of an example (default ${DEFAULT-VALUE}).")
    double clip;

    @Option(
            names = "--dp-delta",
            defaultValue = "1e-5",
            description = "Below one over the number of examples (default ${DEFAULT-VALUE}).")
    double delta;

    @Spec(Spec.Target.MIXEE)
    CommandSpec spec = CommandSpec.create();

    boolean on() {
        return noise.isPresent() || epsilon.isPresent();
    }

    /// What a training does and costs.
    ///
    /// @param records how many examples there are
    record Cost(SampledGaussian step, double clip, long steps, int records, double delta, double epsilon) {
        /// For one call of the trainer: no noise is drawn twice.
        DpSgd method() {
            byte[] key = new byte[32];
            Randomness.secure().fill(key);
            return new DpSgd(clip, step.noiseMultiplier(), new Noise(key));
        }
    }

    /// The cost, if there is to be privacy.
    Optional<Cost> cost(int batchSize, int records, long steps) {
        if (!on()) {
            return Optional.empty();
        }
        if (noise.isPresent() && epsilon.isPresent()) {
            throw wrong("--dp-noise and --dp-epsilon exclude each other");
        }
        if (!(delta > 0 && delta * records < 1)) {
            throw wrong("--dp-delta is " + delta + ", must be above 0 and below one over the " + records
                    + " examples: at that it would allow to publish one of them");
        }
        if (!(clip > 0 && Double.isFinite(clip)) || !(epsilon.orElse(1.0) > 0)) {
            throw wrong("--dp-clip and --dp-epsilon must be above 0");
        }
        try {
            double rate = DpSgd.step(batchSize, records, 1).rate();
            SampledGaussian step = noise.isPresent()
                    ? new SampledGaussian(rate, noise.get())
                    : SampledGaussian.within(rate, steps, epsilon.orElseThrow(), delta);
            return Optional.of(new Cost(
                    step,
                    clip,
                    steps,
                    records,
                    delta,
                    RenyiCurve.of(step, steps).epsilon(delta)));
        } catch (IllegalArgumentException e) {
            throw wrong(String.valueOf(e.getMessage()));
        }
    }

    private ParameterException wrong(String why) {
        return new ParameterException(spec.commandLine(), why);
    }
}
