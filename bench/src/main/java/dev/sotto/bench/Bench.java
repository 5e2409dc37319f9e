package dev.sotto.bench;

import java.util.Arrays;

/// `sotto bench`: `scale`, or else JMH with its own arguments.
final class Bench {
    private Bench() {}

    /// Runs one of the two.
    public static void main(String[] arguments) throws Exception {
        if (arguments.length > 0 && arguments[0].equals("scale")) {
            Scale.main(Arrays.copyOfRange(arguments, 1, arguments.length));
        } else {
            org.openjdk.jmh.Main.main(arguments);
        }
    }
}
