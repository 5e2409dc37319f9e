package dev.sotto.training.djl;

import dev.sotto.algorithms.ClientStep;

/// What a federated algorithm changes in the local steps of a client. Called by the thread that trains.
public interface Correction {
    /// Plain local training.
    Correction NONE = new Correction() {};

    /// Before the optimiser's step: changes the gradient at `adapter`.
    default void gradient(float[] gradient, float[] adapter) {}

    /// After it: changes the adapter.
    default void stepped(float[] adapter, double learningRate) {}

    /// FedProx: stays near the adapter that the round started from.
    static Correction proximal(float[] global, double mu) {
        return new Correction() {
            @Override
            public void gradient(float[] gradient, float[] adapter) {
                ClientStep.proximal(gradient, adapter, global, mu);
            }
        };
    }

    /// SCAFFOLD: takes the client's drift out of each step.
    ///
    /// @param c   the server's control variate
    /// @param own c_k
    static Correction controlled(float[] c, float[] own) {
        return new Correction() {
            @Override
            public void stepped(float[] adapter, double learningRate) {
                ClientStep.controlled(adapter, c, own, learningRate);
            }
        };
    }
}
