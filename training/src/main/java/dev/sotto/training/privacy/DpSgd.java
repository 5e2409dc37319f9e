package dev.sotto.training.privacy;

import java.util.List;

/// DP-SGD (Abadi et al., 2016, algorithm 1, with Poisson sampling): each record is drawn with probability q, its own
/// gradient is cut to norm C, and the sum of them gets Gaussian noise σ C and is divided by the expected number of
/// records. What an optimiser then makes of it costs nothing more.
///
/// A record is one example of the training set: with DPO one pair. One record more or less changes the sum by at
/// most C, one exchanged for another by at most 2 C; what [SampledGaussian] counts is the former.
///
/// Belongs to one training, whose noise it draws. Not thread-safe.
public final class DpSgd implements AutoCloseable {
    private final double clipNorm;
    private final double noiseMultiplier;
    private final Noise noise;

    /// For one training.
    ///
    /// @param clipNorm        C, above 0
    /// @param noiseMultiplier σ, above 0
    /// @param noise           of this training alone
    public DpSgd(double clipNorm, double noiseMultiplier, Noise noise) {
        if (!(clipNorm > 0 && Double.isFinite(clipNorm))) {
            throw new IllegalArgumentException("clip norm is " + clipNorm + ", must be above 0");
        }
        var _ = new SampledGaussian(1, noiseMultiplier);
        this.clipNorm = clipNorm;
        this.noiseMultiplier = noiseMultiplier;
        this.noise = noise;
    }

    /// What one step is, if `batchSize` of the records are expected in it; all of them if there are fewer.
    ///
    /// @param batchSize at least 1
    /// @param records   at least 1
    public static SampledGaussian step(int batchSize, int records, double noiseMultiplier) {
        return new SampledGaussian((double) Math.min(batchSize, records) / records, noiseMultiplier);
    }

    /// A step's records, each with the same probability and apart from the others. It may be none.
    ///
    /// @param batchSize how many are expected
    public <T> List<T> sample(List<T> records, int batchSize) {
        double rate = step(batchSize, records.size(), noiseMultiplier).rate();
        return records.stream().filter(_ -> noise.nextDouble() < rate).toList();
    }

    /// Decides one drawn record's dropout. Drawn apart for each: a record more must not move the others' masks.
    public long seed() {
        return noise.nextLong();
    }

    /// Adds one record's gradient, cut to C. One that is not finite, which could not be cut, counts as zero.
    ///
    /// @param sum      of the step, as long as the gradient
    /// @param gradient not changed
    public void add(double[] sum, float[] gradient) {
        double squares = 0;
        for (float g : gradient) {
            squares += (double) g * g;
        }
        double norm = Math.sqrt(squares);
        if (!Double.isFinite(norm)) {
            return;
        }
        double scale = norm > clipNorm ? clipNorm / norm : 1;
        for (int i = 0; i < sum.length; i++) {
            sum[i] += scale * gradient[i];
        }
    }

    /// The noised mean: all that may be known of a step.
    ///
    /// @param sum      of the step
    /// @param expected number of records in it
    public float[] release(double[] sum, double expected) {
        float[] mean = new float[sum.length];
        for (int i = 0; i < mean.length; i++) {
            mean[i] = (float) ((sum[i] + noiseMultiplier * clipNorm * noise.gaussian()) / expected);
        }
        return mean;
    }

    /// Wipes the noise that was drawn ahead; the training is over.
    @Override
    public void close() {
        noise.close();
    }

    /// Without its key.
    @Override
    public String toString() {
        return "DP-SGD with clip norm " + clipNorm + " and noise multiplier " + noiseMultiplier;
    }
}
