package dev.sotto.crypto.secagg;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Deadlines;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.schemas.VectorLayout;
import java.util.List;
import java.util.function.Consumer;

/// What a `RoundOpened` says, as far as tests say something else.
final class Terms {
    long round;
    long attempt;
    List<String> cohort;
    List<String> candidates;
    int threshold;
    int maxDropouts;
    int maxColluders;
    int minSurvivors;
    int ringBits;
    List<VectorLayout> layout;
    String weighting;
    Deadlines deadlines;
    Bytes adapterDigest;
    TrainingPlan plan;
    Bytes roundKey;
    Bytes previous;

    private Terms(RoundOpened o) {
        round = o.round();
        attempt = o.attempt();
        cohort = o.cohort();
        candidates = o.candidates();
        threshold = o.threshold();
        maxDropouts = o.maxDropouts();
        maxColluders = o.maxColluders();
        minSurvivors = o.minSurvivors();
        ringBits = o.ringBits();
        layout = o.layout();
        weighting = o.weighting();
        deadlines = o.deadlines();
        adapterDigest = o.adapterDigest();
        plan = o.plan();
        roundKey = o.roundKey();
        previous = o.previous();
    }

    /// The same but for what `change` sets.
    static RoundOpened changed(RoundOpened o, Consumer<Terms> change) {
        Terms terms = new Terms(o);
        change.accept(terms);
        return new RoundOpened(
                terms.round,
                terms.attempt,
                o.nonce(),
                terms.cohort,
                terms.candidates,
                terms.threshold,
                terms.maxDropouts,
                terms.maxColluders,
                terms.minSurvivors,
                terms.ringBits,
                terms.layout,
                o.weightCap(),
                terms.weighting,
                terms.deadlines,
                o.baseModelDigest(),
                o.adapterVersion(),
                terms.adapterDigest,
                terms.plan,
                o.keyId(),
                terms.roundKey,
                o.registryHead(),
                terms.previous);
    }
}
