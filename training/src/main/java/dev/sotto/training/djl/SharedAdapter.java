package dev.sotto.training.djl;

import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.LoraConfig.Matrix;
import dev.sotto.training.checkpoint.LoraMode;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// The vector that organisations share of an adapter, and how the adapter follows from it. Immutable.
public final class SharedAdapter {
    private final LoraMode mode;
    private final List<Matrix> matrices;
    private final float[] fixed;
    private final int size;

    private SharedAdapter(LoraMode mode, List<Matrix> matrices, float[] fixed, int size) {
        this.mode = mode;
        this.matrices = matrices;
        this.fixed = fixed;
        this.size = size;
    }

    /// For a model.
    ///
    /// @param fixed what a matrix that nobody trains is, row by row: the same for everybody
    /// @throws IllegalArgumentException if no module of this model is a target
    public static SharedAdapter of(
            LoraMode mode, LoraConfig lora, LlamaConfig config, Function<Matrix, float[]> fixed) {
        List<Matrix> matrices = lora.matrices(config);
        float[] values = new float[lora.size(config)];
        int at = 0;
        for (Matrix matrix : matrices) {
            boolean still = mode == LoraMode.FED_SB || mode == LoraMode.FFA && matrix.down();
            if (still) {
                System.arraycopy(fixed.apply(matrix), 0, values, at, matrix.size());
            }
            at += matrix.size();
        }
        int size = mode.shared(lora, config).stream().mapToInt(Matrix::size).sum();
        return new SharedAdapter(mode, matrices, values, size);
    }

    /// The number of coordinates of the shared vector.
    public int size() {
        return size;
    }

    /// The adapter, in the order of its PEFT names.
    ///
    /// @param shared as [LoraMode#shared] orders it
    public float[] adapter(float[] shared) {
        requireSize(shared);
        return switch (mode) {
            case LORA, ROLORA, MIXED -> shared;
            case FFA -> withUps(shared);
            case FED_SB -> withProducts(shared);
        };
    }

    private void requireSize(float[] shared) {
        if (shared.length != size) {
            throw new IllegalArgumentException(
                    "the shared vector has " + shared.length + " coordinates, must have " + size);
        }
    }

    private float[] withUps(float[] shared) {
        float[] adapter = fixed.clone();
        int from = 0;
        int at = 0;
        for (Matrix matrix : matrices) {
            if (!matrix.down()) {
                System.arraycopy(shared, from, adapter, at, matrix.size());
                from += matrix.size();
            }
            at += matrix.size();
        }
        return adapter;
    }

    /// B R in place of each B.
    private float[] withProducts(float[] shared) {
        float[] adapter = fixed.clone();
        int from = 0;
        int at = 0;
        for (Matrix matrix : matrices) {
            if (!matrix.down()) {
                int rank = matrix.columns();
                for (int row = 0; row < matrix.rows(); row++) {
                    for (int j = 0; j < rank; j++) {
                        double sum = 0;
                        for (int i = 0; i < rank; i++) {
                            sum += (double) fixed[at + row * rank + i] * shared[from + i * rank + j];
                        }
                        adapter[at + row * rank + j] = (float) sum;
                    }
                }
                from += rank * rank;
            }
            at += matrix.size();
        }
        return adapter;
    }

    /// What one round trains.
    ///
    /// @param shared what the round starts from, not changed
    public Round round(long round, float[] shared) {
        return round(round, shared, Integer.MAX_VALUE);
    }

    /// What one round trains by a member of rank `rank`.
    ///
    /// @param rank counts in [LoraMode#MIXED]: at least 1; the adapter's own, if it is more
    public Round round(long round, float[] shared, int rank) {
        requireSize(shared);
        int most = matrices.getFirst().rank();
        return new Round(
                mode == LoraMode.ROLORA ? round % 2 == 1 : null,
                mode == LoraMode.MIXED ? Math.min(rank, most) : most,
                shared);
    }

    /// What one round trains of the shared vector: with [LoraMode#ROLORA] every other matrix, with [LoraMode#MIXED]
    /// the first rows; else all of it.
    public final class Round implements Coordinates {
        private final @Nullable Boolean down;
        private final int rank;
        private final float[] shared;

        private Round(@Nullable Boolean down, int rank, float[] shared) {
            this.down = down;
            this.rank = rank;
            this.shared = shared;
        }

        private boolean cut() {
            return rank < matrices.getFirst().rank();
        }

        /// What is trained, at the start.
        public float[] start() {
            if (cut()) {
                return rows(shared);
            }
            return down == null ? shared : half(shared);
        }

        /// The shared vector after training.
        ///
        /// @param trained as long as [#start]
        public float[] end(float[] trained) {
            if (cut()) {
                return withRows(trained, shared.clone());
            }
            return down == null ? trained : whole(trained);
        }

        /// Rows that this member does not train are not there for it.
        @Override
        public float[] adapter(float[] trained) {
            return cut() ? withRows(trained, new float[size]) : SharedAdapter.this.adapter(end(trained));
        }

        @Override
        public float[] gradient(float[] byAdapter) {
            return switch (mode) {
                case LORA -> byAdapter;
                case MIXED -> cut() ? rows(byAdapter) : byAdapter;
                case ROLORA -> half(byAdapter);
                case FFA -> gathered(byAdapter, false);
                case FED_SB -> byFactors(byAdapter);
            };
        }

        /// The first rows of each A and columns of each B.
        private float[] rows(float[] all) {
            float[] part = new float
                    [matrices.stream()
                            .mapToInt(matrix -> matrix.size() / matrix.rank() * rank)
                            .sum()];
            int to = 0;
            int at = 0;
            for (Matrix matrix : matrices) {
                for (Span span : spans(matrix)) {
                    System.arraycopy(all, at + span.from(), part, to, span.size());
                    to += span.size();
                }
                at += matrix.size();
            }
            return part;
        }

        private float[] withRows(float[] part, float[] all) {
            int from = 0;
            int at = 0;
            for (Matrix matrix : matrices) {
                for (Span span : spans(matrix)) {
                    System.arraycopy(part, from, all, at + span.from(), span.size());
                    from += span.size();
                }
                at += matrix.size();
            }
            return all;
        }

        private List<Span> spans(Matrix matrix) {
            return matrix.down()
                    ? List.of(new Span(0, rank * matrix.columns()))
                    : IntStream.range(0, matrix.rows())
                            .mapToObj(row -> new Span(row * matrix.columns(), rank))
                            .toList();
        }

        private float[] half(float[] all) {
            return gathered(all, Boolean.TRUE.equals(down));
        }

        private float[] whole(float[] trained) {
            float[] all = shared.clone();
            int from = 0;
            int at = 0;
            for (Matrix matrix : matrices) {
                if (matrix.down() == Boolean.TRUE.equals(down)) {
                    System.arraycopy(trained, from, all, at, matrix.size());
                    from += matrix.size();
                }
                at += matrix.size();
            }
            return all;
        }
    }

    /// Coordinates of a matrix that follow each other.
    private record Span(int from, int size) {}

    private float[] gathered(float[] all, boolean down) {
        float[] part = new float
                [matrices.stream()
                        .filter(matrix -> matrix.down() == down)
                        .mapToInt(Matrix::size)
                        .sum()];
        int to = 0;
        int at = 0;
        for (Matrix matrix : matrices) {
            if (matrix.down() == down) {
                System.arraycopy(all, at, part, to, matrix.size());
                to += matrix.size();
            }
            at += matrix.size();
        }
        return part;
    }

    /// Bᵀ times the gradient by B R.
    private float[] byFactors(float[] byAdapter) {
        float[] gradient = new float[size];
        int to = 0;
        int at = 0;
        for (Matrix matrix : matrices) {
            if (!matrix.down()) {
                int rank = matrix.columns();
                for (int i = 0; i < rank; i++) {
                    for (int j = 0; j < rank; j++) {
                        double sum = 0;
                        for (int row = 0; row < matrix.rows(); row++) {
                            sum += (double) fixed[at + row * rank + i] * byAdapter[at + row * rank + j];
                        }
                        gradient[to + i * rank + j] = (float) sum;
                    }
                }
                to += rank * rank;
            }
            at += matrix.size();
        }
        return gradient;
    }
}
