package dev.sotto.coordinator.enrolment;

/// A request that is not granted; the message says why, to whoever asked.
public final class Refused extends Exception {
    private static final long serialVersionUID = 1;

    private final int status;

    /// With the status of HTTP.
    ///
    /// @param status 400 to 499
    /// @param detail one sentence
    public Refused(int status, String detail) {
        super(detail);
        this.status = status;
    }

    /// Of HTTP.
    public int status() {
        return status;
    }
}
