package dev.sotto.training.djl;

import java.util.Arrays;
import java.util.stream.IntStream;

/// AdamW (Loshchilov and Hutter, 2019) in PyTorch's form: betas 0.9 and 0.999, epsilon 1e-8 after bias
/// correction, decoupled decay. Moments in binary32, arithmetic in binary64. Not thread-safe.
///
/// Our own, because DJL applies epsilon before the bias correction and cannot give its moments back.
final class AdamW {
    private static final double BETA1 = 0.9;
    private static final double BETA2 = 0.999;
    private static final double EPSILON = 1e-8;

    /// What one task of the processor's takes: the sums do not depend on how many there are.
    private static final int BLOCK = 1 << 16;

    private final float[] first;
    private final float[] second;
    private int steps;

    AdamW(int size) {
        this(0, new float[size], new float[size]);
    }

    /// Continues after `steps` steps with the moments that they left.
    AdamW(int steps, float[] first, float[] second) {
        this.steps = steps;
        this.first = first;
        this.second = second;
    }

    /// The first moments, not copied.
    float[] first() {
        return first;
    }

    /// The second moments, not copied.
    float[] second() {
        return second;
    }

    /// One step in place.
    ///
    /// @param clipNorm the largest L2 norm of the gradient; a longer one is scaled to it, as PyTorch does;
    ///   0 for none
    /// @return the gradient's norm before that
    double step(float[] values, float[] gradient, double rate, double decay, double clipNorm) {
        steps++;
        int blocks = (values.length + BLOCK - 1) / BLOCK;
        double[] squares = new double[blocks];
        IntStream.range(0, blocks).parallel().forEach(block -> squares[block] = squares(gradient, block));
        double norm = Math.sqrt(Arrays.stream(squares).sum());
        double scale = clipNorm == 0 ? 1 : Math.min(1, clipNorm / (norm + 1e-6));
        double correction1 = 1 - Math.pow(BETA1, steps);
        double correction2 = Math.sqrt(1 - Math.pow(BETA2, steps));
        IntStream.range(0, blocks).parallel().forEach(block -> {
            for (int i = block * BLOCK; i < Math.min(values.length, (block + 1) * BLOCK); i++) {
                double g = gradient[i] * scale;
                double m = BETA1 * first[i] + (1 - BETA1) * g;
                double v = BETA2 * second[i] + (1 - BETA2) * g * g;
                first[i] = (float) m;
                second[i] = (float) v;
                double decayed = values[i] * (1 - rate * decay);
                values[i] = (float) (decayed - rate / correction1 * m / (Math.sqrt(v) / correction2 + EPSILON));
            }
        });
        return norm;
    }

    private static double squares(float[] gradient, int block) {
        double sum = 0;
        for (int i = block * BLOCK; i < Math.min(gradient.length, (block + 1) * BLOCK); i++) {
            sum += (double) gradient[i] * gradient[i];
        }
        return sum;
    }
}
