package dev.sotto.schemas;

import java.util.List;
import java.util.function.Consumer;

/// A plan for tests of all modules, but for what they set.
public final class AnyPlan {
    /// Name of the federated algorithm.
    public String algorithm = "fedavg";
    /// LoRA mode.
    public String mode = "lora";
    /// r.
    public int rank = 8;
    /// LoRA's alpha.
    public double alpha = 16;
    /// The only target module.
    public String module = "q_proj";
    /// Local steps.
    public int steps = 10;

    private AnyPlan() {}

    /// The plan with what `set` sets.
    public static TrainingPlan with(Consumer<AnyPlan> set) {
        AnyPlan plan = new AnyPlan();
        set.accept(plan);
        return new TrainingPlan(
                plan.algorithm,
                "sft",
                "alpaca",
                plan.mode,
                plan.rank,
                plan.alpha,
                List.of(plan.module),
                plan.steps,
                8,
                128,
                1e-3,
                0,
                1,
                0,
                0,
                1e-3);
    }
}
