package dev.sotto.training.data;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;

/// Draws batches: each pass over the data in a fresh order that the seed decides. Not thread-safe.
public final class Sampler<T> {
    private final List<T> data;
    private final SplittableRandom random;
    private final List<T> queue = new ArrayList<>();

    /// Over `data`, not empty.
    public Sampler(List<T> data, long seed) {
        if (data.isEmpty()) {
            throw new IllegalArgumentException("there is nothing to draw from");
        }
        this.data = List.copyOf(data);
        this.random = new SplittableRandom(seed);
    }

    /// The next `size` elements.
    public List<T> next(int size) {
        while (queue.size() < size) {
            List<T> pass = new ArrayList<>(data);
            for (int i = pass.size() - 1; i > 0; i--) {
                Collections.swap(pass, i, random.nextInt(i + 1));
            }
            queue.addAll(pass);
        }
        List<T> batch = List.copyOf(queue.subList(0, size));
        queue.subList(0, size).clear();
        return batch;
    }
}
