package dev.sotto.participant.model;

import dev.sotto.crypto.model.PublicSeed;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.LoraMode;
import dev.sotto.training.djl.SharedAdapter;
import dev.sotto.training.recipe.Recipe;
import java.util.List;

/// What a round's plan means for training.
public final class Plans {
    /// Supervised fine-tuning.
    public static final String SFT = "sft";
    /// Direct preference optimisation.
    public static final String DPO = "dpo";

    private Plans() {}

    /// The shared vector of an adapter, by the federation's public seed.
    ///
    /// @throws IllegalArgumentException if the mode is not known, or no module of this model is a target
    public static SharedAdapter adapter(LoraMode mode, LoraConfig lora, LlamaConfig config, Bytes publicSeed) {
        return SharedAdapter.of(
                mode,
                lora,
                config,
                matrix -> PublicSeed.matrix(
                        publicSeed, new TensorLayout(matrix.name(), List.of(matrix.rows(), matrix.columns()), 0)));
    }

    /// LoRA's shape.
    ///
    /// @throws IllegalArgumentException if it is none
    public static LoraConfig lora(TrainingPlan plan) {
        return new LoraConfig(plan.loraRank(), plan.loraAlpha(), plan.targetModules());
    }

    /// The recipe. With DPO a prompt that is too long keeps a quarter of the tokens, which are TRL's defaults of
    /// 128 and 512.
    ///
    /// @throws IllegalArgumentException if the objective is not known, or β is not as it needs it
    public static Recipe<?> recipe(TrainingPlan plan) {
        return switch (plan.objective()) {
            case SFT -> {
                if (plan.beta() != 0) {
                    throw new IllegalArgumentException("beta is " + plan.beta() + " with objective sft, must be 0");
                }
                yield new Recipe.Supervised(plan.maxTokens(), false);
            }
            case DPO -> {
                if (!(plan.beta() > 0)) {
                    throw new IllegalArgumentException(
                            "beta is " + plan.beta() + " with objective dpo, must be more than 0");
                }
                yield new Recipe.DirectPreference(plan.beta(), plan.maxTokens(), Math.max(1, plan.maxTokens() / 4));
            }
            default ->
                throw new IllegalArgumentException(
                        "objective is '" + plan.objective() + "', this version trains sft and dpo");
        };
    }
}
