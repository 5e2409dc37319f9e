package dev.sotto.crypto.shamir;

/// The shares do not all lie on one polynomial of the threshold's degree. Their dealer or a revealer is
/// at fault.
public final class InconsistentShares extends Exception {
    private static final long serialVersionUID = 1L;

    private final int x;

    InconsistentShares(int x) {
        super("the share at x = " + x + " does not lie on the polynomial of the others");
        this.x = x;
    }

    /// Where the first share lies that does not fit those before it.
    public int x() {
        return x;
    }
}
