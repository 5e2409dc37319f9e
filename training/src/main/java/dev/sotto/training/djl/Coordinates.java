package dev.sotto.training.djl;

/// How an adapter follows from what is trained of it: what [Trainer] steps is `trained`, what a [Model] is given
/// is the adapter.
public interface Coordinates {
    /// The adapter itself is trained.
    Coordinates ADAPTER = new Coordinates() {
        @Override
        public float[] adapter(float[] trained) {
            return trained;
        }

        @Override
        public float[] gradient(float[] byAdapter) {
            return byAdapter;
        }
    };

    /// The adapter, which the caller does not change.
    float[] adapter(float[] trained);

    /// The gradient by what is trained, from that by the adapter (chain rule; the adapter is linear in it).
    float[] gradient(float[] byAdapter);
}
