package dev.sotto.bench;

import dev.sotto.bench.federation.FederationCommand;
import java.util.Arrays;

/// `sotto bench`: `scale`, `training`, `quality` or `federation`, or else JMH with its own arguments.
public final class Bench {
    private Bench() {}

    /// Runs one of them.
    public static void main(String[] arguments) throws Exception {
        String command = arguments.length == 0 ? "" : arguments[0];
        String[] rest = Arrays.copyOfRange(arguments, Math.min(1, arguments.length), arguments.length);
        switch (command) {
            case "scale" -> Scale.main(rest);
            case "training" -> Training.main(rest);
            case "quality" -> Quality.main(rest);
            case "federation" -> FederationCommand.main(rest);
            default -> org.openjdk.jmh.Main.main(arguments);
        }
    }
}
