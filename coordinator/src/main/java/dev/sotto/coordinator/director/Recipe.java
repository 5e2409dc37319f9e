package dev.sotto.coordinator.director;

import dev.sotto.algorithms.Schedule;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.crypto.fixedpoint.Rows;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.model.NextLayout;
import dev.sotto.crypto.model.PublicSeed;
import dev.sotto.crypto.secagg.Chain;
import dev.sotto.crypto.secagg.Parameters;
import dev.sotto.crypto.secagg.SampledCohort;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Deadlines;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.schemas.VectorLayout;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// What a round is opened with: the operator's settings, and what follows from the last version.
final class Recipe {
    private final Settings settings;

    Recipe(Settings settings) {
        this.settings = settings;
    }

    /// Version 0, which anyone can make from the public seed.
    ModelVersion firstVersion() {
        VectorLayout layout = settings.adapter().layout();
        float[] adapter = PublicSeed.adapter(settings.publicSeed(), layout);
        List<float[]> optimiser = List.of(settings.optimizer().initialState(adapter.length));
        return new ModelVersion(
                0,
                new ModelHeader(Optional.empty(), (long) adapter.length * (1 + optimiser.size())),
                adapter,
                optimiser);
    }

    /// The message that opens the attempt after `chain`.
    ///
    /// @param eligible     of whom the cohort is drawn, ascending
    /// @param roundKey     of that attempt and nonce
    /// @param registryHead of the registry from which the cohort was taken
    RoundOpened opened(
            Chain chain,
            List<String> eligible,
            Versions.Present version,
            Bytes nonce,
            Bytes keyId,
            Bytes roundKey,
            Bytes registryHead) {
        List<String> cohort = settings.cohort().isPresent()
                ? SampledCohort.next(chain, eligible, settings.cohort().getAsInt())
                : eligible;
        int n = cohort.size();
        Settings.Aggregation a = settings.aggregation();
        // Of the whole federation: colluders do not become fewer because only some are drawn.
        int colluders = a.maxColluders().orElse(Parameters.defaultMaxColluders(eligible.size()));
        int minSurvivors = a.minSurvivors().orElse(Math.max(3, colluders + 2));
        int threshold = a.threshold().orElse(Parameters.defaultThreshold(n, colluders));
        int maxDropouts = a.maxDropouts().orElse(n - Math.max(threshold, minSurvivors));
        TrainingPlan plan = plan(round(chain));
        return new RoundOpened(
                round(chain),
                attempt(chain),
                nonce,
                cohort,
                settings.cohort().isPresent() ? eligible : List.of(),
                threshold,
                maxDropouts,
                colluders,
                minSurvivors,
                a.ringBits(),
                NextLayout.of(
                        settings.adapter().layout(),
                        settings.optimizer().hasControl(),
                        version.header(),
                        plan.steps(),
                        plan.baseLearningRate(),
                        a.weighting(),
                        Rows.of(plan)),
                a.weightCap(),
                a.weighting().wireName(),
                deadlines(n),
                settings.adapter().baseModelDigest(),
                version.version(),
                version.digest(),
                plan,
                keyId,
                roundKey,
                registryHead,
                chain.head());
    }

    /// A member of n fetches what it must know in the first phase, and delivers in the third.
    private Deadlines deadlines(int n) {
        Deadlines given = settings.deadlines();
        return new Deadlines(
                longer(given.keys(), settings.fetching(n)),
                given.shares(),
                longer(given.training(), settings.sending()),
                given.confirmation(),
                given.reveal());
    }

    private static int longer(int seconds, Duration by) {
        return (int) Math.min(Deadlines.MOST, seconds + by.toSeconds());
    }

    static long round(Chain chain) {
        return chain.closed() ? chain.round() + 1 : chain.round();
    }

    static long attempt(Chain chain) {
        return chain.closed() ? 1 : chain.attempt() + 1;
    }

    private TrainingPlan plan(long round) {
        Settings.Training t = settings.training();
        return new TrainingPlan(
                settings.optimizer().wireName(),
                t.objective(),
                t.template(),
                settings.adapter().mode(),
                settings.adapter().rank(),
                settings.adapter().alpha(),
                settings.adapter().targetModules(),
                t.steps(),
                t.batchSize(),
                t.maxTokens(),
                Schedule.cosine(t.learningRate(), t.learningRateMin(), round, settings.rounds()),
                t.weightDecay(),
                t.clipNorm(),
                t.beta(),
                settings.proximalMu(),
                t.learningRate());
    }
}
