package dev.sotto.schemas;

import java.util.List;

/// What every member of a round does with its own data. It has no field that selects data.
///
/// @param algorithm        name of the federated algorithm, such as `fedavg`
/// @param objective        `sft` or `dpo`
/// @param template         prompt template: `alpaca`, `vicuna`, or `chat`, the base model's own
/// @param loraMode         what is shared of an adapter, such as `lora`
/// @param loraRank         r, 1 to 1,024
/// @param loraAlpha        alpha, above 0
/// @param targetModules    names of the adapted linear layers
/// @param steps            optimiser steps of this round
/// @param batchSize        examples per step
/// @param maxTokens        tokens per example, longer ones are cut
/// @param learningRate     constant within the round
/// @param weightDecay      AdamW's decoupled decay
/// @param clipNorm         bound of the global L2 norm of the gradient; 0 for none
/// @param beta             DPO's β (Rafailov et al., 2023); 0 for other objectives
/// @param proximalMu       FedProx's μ; 0 for none
/// @param baseLearningRate the federation's first rate, which fixes the ranges while no round has closed
public record TrainingPlan(
        String algorithm,
        String objective,
        String template,
        String loraMode,
        int loraRank,
        double loraAlpha,
        List<String> targetModules,
        int steps,
        int batchSize,
        int maxTokens,
        double learningRate,
        double weightDecay,
        double clipNorm,
        double beta,
        double proximalMu,
        double baseLearningRate) {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public TrainingPlan {
        Wire.name(algorithm, "plan.algorithm");
        Wire.name(objective, "plan.objective");
        Wire.name(template, "plan.template");
        Wire.name(loraMode, "plan.loraMode");
        Wire.range(loraRank, 1, 1024, "plan.loraRank");
        Wire.finite(loraAlpha, 1e-6, 1e6, "plan.loraAlpha");
        targetModules = Wire.count(targetModules, 1, 64, "plan.targetModules");
        targetModules.forEach(module -> Wire.name(module, "plan.targetModules"));
        Wire.range(steps, 1, 1_000_000, "plan.steps");
        Wire.range(batchSize, 1, 65_536, "plan.batchSize");
        Wire.range(maxTokens, 2, 1_048_576, "plan.maxTokens");
        Wire.finite(learningRate, 0, 1, "plan.learningRate");
        Wire.finite(weightDecay, 0, 1, "plan.weightDecay");
        Wire.finite(clipNorm, 0, 1e6, "plan.clipNorm");
        Wire.finite(beta, 0, 1e6, "plan.beta");
        Wire.finite(proximalMu, 0, 1e6, "plan.proximalMu");
        Wire.finite(baseLearningRate, 1e-12, 1, "plan.baseLearningRate");
    }

    dev.sotto.schemas.proto.TrainingPlan wire() {
        return dev.sotto.schemas.proto.TrainingPlan.newBuilder()
                .setAlgorithm(algorithm)
                .setObjective(objective)
                .setTemplate(template)
                .setLoraMode(loraMode)
                .setLoraRank(loraRank)
                .setLoraAlpha(loraAlpha)
                .addAllTargetModules(targetModules)
                .setSteps(steps)
                .setBatchSize(batchSize)
                .setMaxTokens(maxTokens)
                .setLearningRate(learningRate)
                .setWeightDecay(weightDecay)
                .setClipNorm(clipNorm)
                .setBeta(beta)
                .setProximalMu(proximalMu)
                .setLearningRateBase(baseLearningRate)
                .build();
    }

    static TrainingPlan of(dev.sotto.schemas.proto.TrainingPlan wire) {
        return new TrainingPlan(
                wire.getAlgorithm(),
                wire.getObjective(),
                wire.getTemplate(),
                wire.getLoraMode(),
                wire.getLoraRank(),
                wire.getLoraAlpha(),
                wire.getTargetModulesList(),
                wire.getSteps(),
                wire.getBatchSize(),
                wire.getMaxTokens(),
                wire.getLearningRate(),
                wire.getWeightDecay(),
                wire.getClipNorm(),
                wire.getBeta(),
                wire.getProximalMu(),
                wire.getLearningRateBase());
    }
}
