package dev.sotto.participant.home;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.privacy.DpSgd;
import dev.sotto.training.privacy.RenyiCurve;
import dev.sotto.training.privacy.SampledGaussian;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// What this organisation's trainings have cost its records of their privacy: `privacy.json`. Immutable.
///
/// A training is in it, on the disk, before it begins: it counts whether or not its update was sent, and whether or
/// not its round closed. What a member spent, nobody can give back.
///
/// @param trainings in their order
public record PrivacyLedger(List<Training> trainings) {
    /// One training.
    ///
    /// @param round           from 0
    /// @param attempt         from 1
    /// @param steps           at least 1
    /// @param batchSize       examples expected in each
    /// @param records         that they were drawn from
    /// @param noiseMultiplier σ
    public record Training(long round, long attempt, int steps, int batchSize, int records, double noiseMultiplier) {
        /// Checks the numbers.
        ///
        /// @throws IllegalArgumentException naming what is out of range
        public Training {
            if (steps < 1 || batchSize < 1 || records < 1) {
                throw new IllegalArgumentException("steps " + steps + ", batch size " + batchSize + " and records "
                        + records + " must be at least 1");
            }
            var _ = DpSgd.step(batchSize, records, noiseMultiplier);
        }

        private SampledGaussian step() {
            return DpSgd.step(batchSize, records, noiseMultiplier);
        }
    }

    /// Copies the list.
    public PrivacyLedger {
        trainings = List.copyOf(trainings);
    }

    /// That of an organisation; empty if there is none yet.
    ///
    /// @throws InvalidFile if the file is damaged: it is never taken for empty
    public static PrivacyLedger read(Home home) throws IOException, InvalidFile {
        return Files.exists(home.privacy())
                ? Home.readJson(home.privacy(), PrivacyLedger.class)
                : new PrivacyLedger(List.of());
    }

    /// With one more training, which is on the disk when this returns.
    public PrivacyLedger charge(Home home, Training training) throws IOException {
        PrivacyLedger charged = new PrivacyLedger(
                Stream.concat(trainings.stream(), Stream.of(training)).toList());
        Home.writeSecretJson(home.privacy(), charged);
        return charged;
    }

    /// ε of all of them together.
    ///
    /// @param delta above 0, below 1
    public double epsilon(double delta) {
        Map<SampledGaussian, Long> steps = trainings.stream()
                .collect(Collectors.groupingBy(Training::step, Collectors.summingLong(Training::steps)));
        return steps.entrySet().stream()
                .map(entry -> RenyiCurve.of(entry.getKey(), entry.getValue()))
                .reduce(RenyiCurve.NOTHING, RenyiCurve::plus)
                .epsilon(delta);
    }

    /// Why a training is not allowed, or nothing.
    public Optional<String> refuses(Policy.Privacy privacy, Training training) {
        if (privacy.delta() * training.records() >= 1) {
            return Optional.of("privacy.delta " + privacy.delta() + " is not below one over the " + training.records()
                    + " examples here: it would allow to publish one of them");
        }
        double after = new PrivacyLedger(
                        Stream.concat(trainings.stream(), Stream.of(training)).toList())
                .epsilon(privacy.delta());
        return after <= privacy.mostEpsilon()
                ? Optional.empty()
                : Optional.of(String.format(
                        Locale.ROOT,
                        "its privacy would cost epsilon %.3f at delta %s; %.3f are spent, privacy.mostEpsilon is %s",
                        after,
                        privacy.delta(),
                        epsilon(privacy.delta()),
                        privacy.mostEpsilon()));
    }
}
