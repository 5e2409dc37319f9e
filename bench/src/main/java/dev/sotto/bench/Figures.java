package dev.sotto.bench;

import java.util.List;
import java.util.function.ToDoubleFunction;

/// What one round cost.
///
/// @param members           n
/// @param coordinates       d
/// @param dropped           members that died after they dealt their shares
/// @param threshold         t
/// @param memberMillis      processor time of a member
/// @param memberSent        bytes
/// @param memberReceived    bytes
/// @param memberPeak        bytes, its update of 4 d bytes among them
/// @param directorMillis    the coordinator's processor time: its machine
/// @param sumMillis         reading, checking and adding every chunk
/// @param unmaskMillis      taking the masks off
/// @param coordinatorSent   bytes
/// @param coordinatorReceived bytes
/// @param coordinatorPeak   bytes
record Figures(
        int members,
        int coordinates,
        int dropped,
        int threshold,
        double memberMillis,
        double memberSent,
        double memberReceived,
        double memberPeak,
        double directorMillis,
        double sumMillis,
        double unmaskMillis,
        double coordinatorSent,
        double coordinatorReceived,
        double coordinatorPeak) {
    /// Beside its update.
    double memberBeside() {
        return memberPeak - 4.0 * coordinates;
    }

    /// The exponent e of y ≈ c·xᵉ: least squares of log y over log x.
    static double exponent(List<Figures> rows, ToDoubleFunction<Figures> x, ToDoubleFunction<Figures> y) {
        double meanX = mean(rows, row -> Math.log(x.applyAsDouble(row)));
        double meanY = mean(rows, row -> Math.log(y.applyAsDouble(row)));
        double covariance =
                mean(rows, row -> (Math.log(x.applyAsDouble(row)) - meanX) * (Math.log(y.applyAsDouble(row)) - meanY));
        double variance = mean(rows, row -> Math.pow(Math.log(x.applyAsDouble(row)) - meanX, 2));
        return covariance / variance;
    }

    private static double mean(List<Figures> rows, ToDoubleFunction<Figures> value) {
        return rows.stream().mapToDouble(value).average().orElseThrow();
    }
}
