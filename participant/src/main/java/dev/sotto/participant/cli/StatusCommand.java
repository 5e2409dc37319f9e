package dev.sotto.participant.cli;

import dev.sotto.participant.agent.Versions;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Peers;
import dev.sotto.participant.home.Policy;
import dev.sotto.participant.home.PrivacyLedger;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.nio.channels.FileLock;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `sotto status`: what this home says of the organisation, without asking anyone.
@Command(name = "status", description = "What this organisation's folder holds.", mixinStandardHelpOptions = true)
final class StatusCommand implements Callable<Integer> {
    @Mixin
    private HomeOption home = new HomeOption();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        Home own = home.home();
        Membership membership = Home.readJson(own.federation(), Membership.class);
        var out = spec.commandLine().getOut();
        out.println("organisation  " + membership.organisation() + " of " + membership.federation());
        out.println("broker        " + membership.bootstrapServers());
        out.println(
                "approved      " + String.join(", ", Peers.read(own).pinned().keySet()));
        out.println("agent         " + (isRunning(own) ? "running" : "not running"));
        out.println("adapter       "
                + new Versions(own.models())
                        .last()
                        .map(last -> "version " + last.version() + ", digest " + last.digest()
                                + (last.recomputed() ? ", recomputed here" : ""))
                        .orElse("none yet"));
        out.println("privacy       " + privacy(own));
        return 0;
    }

    private static String privacy(Home home) throws IOException, InvalidFile {
        PrivacyLedger ledger = PrivacyLedger.read(home);
        return Policy.read(home.policy())
                .privacy()
                .map(privacy -> String.format(
                        Locale.ROOT,
                        "epsilon %.3f of %s spent at delta %s, in %d trainings",
                        ledger.epsilon(privacy.delta()),
                        privacy.mostEpsilon(),
                        privacy.delta(),
                        ledger.trainings().size()))
                .orElse("the policy demands none");
    }

    private static boolean isRunning(Home home) throws IOException {
        try (FileLock lock = home.lock()) {
            lock.channel().close();
            return false;
        } catch (Failed e) {
            return true;
        }
    }
}
