package dev.sotto.algorithms;

/// What FedProx and SCAFFOLD change in a client's local steps, by OpenFedLLM's definitions (its
/// `federated_learning/fed_local_sft.py`). Element-wise; the arrays of one call have one length. Stateless,
/// thread-safe.
public final class ClientStep {
    private ClientStep() {}

    /// FedProx's μ as OpenFedLLM sets it.
    public static final double PROXIMAL_MU = 0.01;

    /// FedProx: the gradient of μ/2 ‖w − w_g‖² is added, w the adapter and w_g the one that the round started
    /// from.
    ///
    /// @param gradient changed
    public static void proximal(float[] gradient, float[] adapter, float[] global, double mu) {
        for (int i = 0; i < gradient.length; i++) {
            gradient[i] = (float) (gradient[i] + mu * ((double) adapter[i] - global[i]));
        }
    }

    /// SCAFFOLD after each local step: y −= lr (c − c_k).
    ///
    /// @param adapter y, changed
    /// @param c       the server's control variate
    /// @param own     c_k
    public static void controlled(float[] adapter, float[] c, float[] own, double learningRate) {
        for (int i = 0; i < adapter.length; i++) {
            adapter[i] = (float) (adapter[i] - learningRate * ((double) c[i] - own[i]));
        }
    }

    /// SCAFFOLD at the end of local training: c_k⁺ = (w − y)/(K·lr) − (c − c_k).
    ///
    /// @param global  w, the adapter that the round started from
    /// @param adapter y, after `steps` steps
    /// @param steps   K, at least 1
    public static float[] nextControl(
            float[] global, float[] adapter, float[] c, float[] own, int steps, double learningRate) {
        float[] next = new float[global.length];
        for (int i = 0; i < next.length; i++) {
            next[i] = (float) (((double) global[i] - adapter[i]) / (steps * learningRate) - ((double) c[i] - own[i]));
        }
        return next;
    }
}
