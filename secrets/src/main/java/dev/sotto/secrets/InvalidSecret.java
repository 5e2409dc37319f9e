package dev.sotto.secrets;

/// A file with a secret, or a passphrase, is not as it must be. The message names it, and never what it holds;
/// whoever
/// keeps it is at fault.
public final class InvalidSecret extends Exception {
    private static final long serialVersionUID = 1;

    private final String place;
    private final String problem;

    InvalidSecret(Object place, String problem) {
        super(place + " " + problem);
        this.place = place.toString();
        this.problem = problem;
    }

    /// The file, or the variable of the environment.
    public String place() {
        return place;
    }

    /// What is wrong there, and what is allowed.
    public String problem() {
        return problem;
    }
}
