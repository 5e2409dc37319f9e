package dev.sotto.participant.cli;

import dev.sotto.participant.agent.FileJournal;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Lift;
import dev.sotto.schemas.Bytes;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `sotto lift`: lets this organisation confirm one further set of survivors on the adapter of its last
/// confirmation (protocol §5, "One survivor set per adapter").
@Command(
        name = "lift",
        description = "Let this organisation confirm one further set of survivors on the same adapter, once, after a"
                + " round was aborted with NeedsLift.",
        mixinStandardHelpOptions = true)
final class LiftCommand implements Callable<Integer> {
    @Parameters(
            paramLabel = "ORGANISATION",
            split = ",",
            arity = "1..*",
            description = "The whole further set, this organisation included, as the coordinator named it.")
    private List<String> given = List.of();

    @Option(names = "--i-know-what-two-sums-tell", description = "That you have read what is printed without it.")
    private boolean known;

    @Mixin
    private HomeOption home = new HomeOption();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        Home own = home.home();
        Map.Entry<Bytes, List<String>> confirmed = new FileJournal(own.journal())
                .lastConfirmed()
                .orElseThrow(
                        () -> new Failed("this organisation has confirmed no survivors yet; there is nothing to lift"));
        List<String> allowed = List.copyOf(new TreeSet<>(given));
        PrintWriter out = spec.commandLine().getOut();
        try {
            var _ = new Lift(confirmed.getKey().hex(), confirmed.getValue(), allowed).message();
        } catch (IllegalArgumentException e) {
            throw new CommandLine.ParameterException(spec.commandLine(), String.valueOf(e.getMessage()));
        }
        out.println("On adapter " + confirmed.getKey().hex().substring(0, 16)
                + "… this organisation has confirmed the sum of " + String.join(", ", confirmed.getValue()) + ".");
        out.println("It would also confirm, once, the sum of " + String.join(", ", allowed) + ".");
        out.println(
                "Every member and the coordinator can subtract the two sums. What is left is about the sum of the updates of "
                        + String.join(", ", difference(confirmed.getValue(), allowed))
                        + ": of one organisation alone, that is its update.");
        if (!known) {
            out.println("Nothing was lifted. If this may be known: the same command with --i-know-what-two-sums-tell");
            return 2;
        }
        Home.writeJson(own.lift(), new Lift(confirmed.getKey().hex(), confirmed.getValue(), allowed));
        out.println("Lifted; a running agent tells the others now, else the next one does.");
        return 0;
    }

    /// Who is in one of the sets only.
    private static List<String> difference(List<String> one, List<String> other) {
        TreeSet<String> only = new TreeSet<>(one);
        only.addAll(other);
        only.removeIf(id -> one.contains(id) && other.contains(id));
        return new ArrayList<>(only);
    }
}
