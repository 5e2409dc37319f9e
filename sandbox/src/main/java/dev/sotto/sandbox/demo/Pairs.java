package dev.sotto.sandbox.demo;

import dev.sotto.sandbox.failure.Failure;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// Does something for each of a list, two at a time: small machines have two cores.
final class Pairs {
    private Pairs() {}

    /// What is done.
    @FunctionalInterface
    interface Work<T> {
        void on(T item) throws IOException, InterruptedException, Failure;
    }

    /// Returns when all are done, or throws what the first one threw.
    static <T> void forEach(List<T> items, Work<T> work) throws IOException, InterruptedException, Failure {
        try (ExecutorService two = Executors.newFixedThreadPool(2)) {
            List<Future<?>> futures = new ArrayList<>();
            for (T item : items) {
                futures.add(two.submit(() -> {
                    work.on(item);
                    return item;
                }));
            }
            try {
                for (Future<?> future : futures) {
                    var _ = future.get();
                }
            } catch (ExecutionException e) {
                two.shutdownNow();
                switch (e.getCause()) {
                    case Failure failure -> throw failure;
                    case IOException io -> throw io;
                    case null, default -> throw new IllegalStateException(e);
                }
            }
        }
    }
}
