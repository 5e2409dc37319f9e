package dev.sotto.training.djl;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.training.data.Batch;
import dev.sotto.training.djl.References.Reference;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/// What training promises beside the reference figures.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TrainerTest {
    private final Reference llama = References.llama();
    private final List<Batch.Sequence> data = llama.sequences("input_ids", 16);

    @AfterAll
    void close() {
        llama.close();
    }

    private float[] train(Trainer.Plan plan) {
        return Trainer.train(llama.model, llama.adapter.lora(), llama.adapter.vector(), data, plan, (s, n, l) -> true)
                .adapter();
    }

    @Test
    void train_sameSeed_givesTheSameBits() {
        Trainer.Plan plan = new Trainer.Plan(4, 3, 1e-3, 0.01, 1.0, 7);
        float[] one = train(plan);
        System.gc();
        assertThat(train(plan)).isEqualTo(one);
        assertThat(one).isNotEqualTo(llama.adapter.vector());
    }
}
