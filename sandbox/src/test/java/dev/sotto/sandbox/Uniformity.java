package dev.sotto.sandbox;

/// How far words of 24 bits are from what a one-time pad makes of them.
final class Uniformity {
    /// A bound for χ² with 255 degrees of freedom (mean 255): uniform bytes exceed it with probability
    /// 1.4e-11 (Wilson and Hilferty's approximation).
    static final double CHI_SQUARE = 436;

    /// A bound for the correlation of independent samples in units of 1/√n: 2e-9.
    static final double SIGMAS = 6;

    private Uniformity() {}

    /// χ² of the bytes at `position` of each word against the uniform distribution.
    static double chiSquare(byte[] words, int position) {
        long[] counts = new long[256];
        int n = 0;
        for (int at = position; at < words.length; at += 3) {
            counts[words[at] & 0xFF]++;
            n++;
        }
        double expected = n / 256.0;
        double sum = 0;
        for (long count : counts) {
            sum += (count - expected) * (count - expected) / expected;
        }
        return sum;
    }

    /// Pearson's correlation of the words, read as signed numbers, with `known`, in units of 1/√n.
    static double correlation(byte[] words, double[] known) {
        int n = known.length;
        double sx = 0;
        double sy = 0;
        double sxx = 0;
        double syy = 0;
        double sxy = 0;
        for (int i = 0; i < n; i++) {
            double x = words[3 * i] & 0xFF | (words[3 * i + 1] & 0xFF) << 8 | words[3 * i + 2] << 16;
            double y = known[i];
            sx += x;
            sy += y;
            sxx += x * x;
            syy += y * y;
            sxy += x * y;
        }
        return (n * sxy - sx * sy) / Math.sqrt((n * sxx - sx * sx) * (n * syy - sy * sy)) * Math.sqrt(n);
    }

    /// Word by word, modulo 2^24.
    static byte[] difference(byte[] a, byte[] b) {
        byte[] difference = new byte[a.length];
        for (int at = 0; at < a.length; at += 3) {
            int d = (a[at] & 0xFF | (a[at + 1] & 0xFF) << 8 | (a[at + 2] & 0xFF) << 16)
                    - (b[at] & 0xFF | (b[at + 1] & 0xFF) << 8 | (b[at + 2] & 0xFF) << 16);
            difference[at] = (byte) d;
            difference[at + 1] = (byte) (d >> 8);
            difference[at + 2] = (byte) (d >> 16);
        }
        return difference;
    }
}
