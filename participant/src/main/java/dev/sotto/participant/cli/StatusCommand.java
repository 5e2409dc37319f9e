package dev.sotto.participant.cli;

import dev.sotto.participant.agent.Versions;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Peers;
import java.nio.channels.FileLock;
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
        return 0;
    }

    private static boolean isRunning(Home home) throws java.io.IOException {
        try (FileLock lock = home.lock()) {
            lock.channel().close();
            return false;
        } catch (Failed e) {
            return true;
        }
    }
}
