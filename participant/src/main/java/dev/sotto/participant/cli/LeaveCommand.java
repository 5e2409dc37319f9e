package dev.sotto.participant.cli;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.participant.enrolment.Leaving;
import dev.sotto.participant.home.Departure;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import java.io.PrintWriter;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.time.Clock;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `sotto leave`: ends this organisation's membership.
@Command(
        name = "leave",
        description =
                "End this organisation's membership, at once and for good: its certificate lets it nowhere any more,"
                        + " and a running round goes on without what it has not delivered. To come back takes a new invite.",
        mixinStandardHelpOptions = true)
final class LeaveCommand implements Callable<Integer> {
    @Parameters(paramLabel = "ORGANISATION", description = "This organisation's id, so that nobody leaves by mistake.")
    private String organisation = "";

    @Option(names = "--reason", defaultValue = "", description = "All members can read it; up to 200 characters.")
    private String reason = "";

    @Option(
            names = "--wipe",
            description = "Also delete keys, certificate, spool, control variates and plain updates here. Adapters,"
                    + " journal, evidence and the privacy ledger stay. Stop the agent first.")
    private boolean wipe;

    @Mixin
    private HomeOption home = new HomeOption();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        Home own = home.home();
        Membership membership = Home.readJson(own.federation(), Membership.class);
        if (!organisation.equals(membership.organisation())) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(),
                    "'" + organisation + "' is not the organisation of " + own.path() + ", which is "
                            + membership.organisation());
        }
        PrintWriter out = spec.commandLine().getOut();
        try (@Nullable FileLock _ = wipe ? own.lock() : null) {
            if (Files.exists(own.left())) {
                Departure before = Home.readJson(own.left(), Departure.class);
                out.println(organisation + " left " + membership.federation() + " at " + before.at());
            } else {
                new Leaving(new BouncyCastlePrimitives()).leave(own, reason);
                Home.writeJson(
                        own.left(),
                        new Departure(
                                Clock.systemUTC()
                                        .instant()
                                        .truncatedTo(ChronoUnit.SECONDS)
                                        .toString(),
                                reason));
                out.println(organisation + " is no member of " + membership.federation() + " any more");
            }
            if (wipe) {
                own.wipe();
                out.println("keys, certificate, spool, control variates and plain updates are deleted; adapters,"
                        + " journal, evidence and the privacy ledger are in " + own.path());
            }
        }
        return 0;
    }
}
