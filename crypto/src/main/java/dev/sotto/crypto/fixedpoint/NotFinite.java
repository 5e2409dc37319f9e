package dev.sotto.crypto.fixedpoint;

/// An update holds NaN or an infinity: training diverged. Nothing of it may be published.
public final class NotFinite extends Exception {
    private static final long serialVersionUID = 1L;

    /// @param tensor     where
    /// @param coordinate within the tensor, from 0
    @SuppressWarnings("MissingSummary")
    public NotFinite(String tensor, long coordinate, float value) {
        super("the update holds " + value + " at coordinate " + coordinate + " of " + tensor);
    }
}
