package dev.sotto.sandbox.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PlainSumTest {
    @TempDir
    Path folder;

    @Test
    void weightedMean_ofClippedUpdates_isWhatIsCompared() throws Exception {
        Path one = write("one", 512, 0.5f, 9f);
        Path two = write("two", 1024, -0.25f, 0f);
        // Weights 1/2 and 1: means (0.25 - 0.25)/1.5 and (0.5*1 + 0)/1.5, the second one clipped at 1.
        float[] after = {1f, (float) (2 + 0.5 / 1.5)};
        PlainSum.Difference exact = PlainSum.compare(List.of(one, two), 0, 1, new float[] {1f, 2f}, after);
        assertThat(exact.error()).isLessThan(2e-7).isLessThanOrEqualTo(exact.bound());
        after[0] += 0.125f;
        PlainSum.Difference wrong = PlainSum.compare(List.of(one, two), 0, 1, new float[] {1f, 2f}, after);
        assertThat(wrong.error()).isEqualTo(0.125).isGreaterThan(wrong.bound());
    }

    private Path write(String name, int weight, float... delta) throws Exception {
        Path own = Files.createDirectories(folder.resolve(name));
        ByteBuffer bytes = ByteBuffer.allocate(4 * delta.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(delta);
        Files.write(own.resolve("round-0-attempt-1.f32"), bytes.array());
        Files.writeString(own.resolve("round-0-attempt-1.json"), """
                {"weight":%d,"weighted":true,"weightCap":1024,"quotient":1000000,
                 "tensors":[{"name":"t","length":%d,"range":1.0}]}""".formatted(weight, delta.length));
        return own;
    }
}
