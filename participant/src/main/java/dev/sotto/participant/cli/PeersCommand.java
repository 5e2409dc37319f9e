package dev.sotto.participant.cli;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.participant.agent.Registries;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Peers;
import dev.sotto.participant.kafka.KafkaClients;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RegistryEntry;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `sotto peers`: whose keys this organisation trusts.
@Command(
        name = "peers",
        description = "The other members: list them, approve those whose fingerprint you have compared, and revoke"
                + " approvals.",
        mixinStandardHelpOptions = true,
        subcommands = {PeersCommand.ListPeers.class, PeersCommand.Approve.class, PeersCommand.Revoke.class})
final class PeersCommand implements Runnable {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new CommandLine.ParameterException(spec.commandLine(), "which one: list, approve or revoke?");
    }

    private static Registry registry(Home home) throws IOException, InvalidFile, Failed {
        Membership membership = Home.readJson(home.federation(), Membership.class);
        KafkaClients kafka = new KafkaClients(membership.bootstrapServers(), home.tls(), home.ca());
        try (Consumer<byte[], byte[]> reader = kafka.reader(PATIENCE)) {
            return Registries.read(new BouncyCastlePrimitives(), membership, kafka, reader);
        }
    }

    private static void line(PrintWriter out, String organisation, String standing, String what) {
        out.println(String.format(Locale.ROOT, "%-24s %-24s %s", organisation, standing, what));
    }

    private static String standing(Peers.@Nullable Pin pin, RegistryEntry.Enrolled member) {
        if (pin == null) {
            return "not approved";
        }
        return pin.identity().equals(member.identityKey()) && pin.delivery().equals(member.deliveryKey())
                ? "approved"
                : "other keys than approved";
    }

    /// `sotto peers list`.
    @Command(name = "list", description = "Members and their fingerprints.", mixinStandardHelpOptions = true)
    static final class ListPeers implements java.util.concurrent.Callable<Integer> {
        @Mixin
        private HomeOption home = new HomeOption();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws Exception {
            Registry registry = registry(home.home());
            Peers peers = Peers.read(home.home());
            PrintWriter out = spec.commandLine().getOut();
            registry.members()
                    .forEach((id, member) -> line(
                            out,
                            id,
                            standing(peers.pinned().get(id), member),
                            Fingerprints.grouped(Enc.sha256(member.identityKey()))));
            registry.suspended().forEach((id, one) -> line(out, id, "suspended", one.reason()));
            registry.gone()
                    .forEach((id, end) ->
                            line(out, id, end instanceof RegistryEntry.Left ? "left" : "revoked", end.reason()));
            return 0;
        }
    }

    /// `sotto peers approve`.
    @Command(
            name = "approve",
            description = "Pin members' keys. By this you say that you compared the fingerprint with the organisation"
                    + " itself, and that it is a separate party: with fewer separate parties than it seems, sums tell"
                    + " more.",
            mixinStandardHelpOptions = true)
    static final class Approve implements java.util.concurrent.Callable<Integer> {
        @Parameters(
                paramLabel = "ORGANISATION=FINGERPRINT",
                arity = "0..*",
                description = "64 hexadecimal digits; spaces and colons do not matter.")
        private List<String> given = List.of();

        @Option(names = "--all", description = "Everybody who is a member now.")
        private boolean all;

        @Option(names = "--i-have-compared-all-fingerprints", description = "What --all demands.")
        private boolean compared;

        @Mixin
        private HomeOption home = new HomeOption();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws Exception {
            if (all && !compared) {
                throw new CommandLine.ParameterException(
                        spec.commandLine(), "--all needs --i-have-compared-all-fingerprints, and that you did");
            }
            if (all != given.isEmpty()) {
                throw new CommandLine.ParameterException(spec.commandLine(), "give ORGANISATION=FINGERPRINT, or --all");
            }
            Registry registry = registry(home.home());
            TreeMap<String, Peers.Pin> pinned =
                    new TreeMap<>(Peers.read(home.home()).pinned());
            List<String> approved = new ArrayList<>();
            for (RegistryEntry.Enrolled member : all ? registry.members().values() : chosen(registry)) {
                pinned.put(member.organisation(), Peers.Pin.of(member.identityKey(), member.deliveryKey()));
                approved.add(member.organisation());
            }
            Home.writeJson(
                    home.home().peers(), new Peers(pinned, registry.head().hex()));
            spec.commandLine().getOut().println("approved " + String.join(", ", approved));
            return 0;
        }

        private List<RegistryEntry.Enrolled> chosen(Registry registry) throws Failed {
            List<RegistryEntry.Enrolled> members = new ArrayList<>();
            for (String pair : given) {
                String[] parts = pair.split("=", 2);
                RegistryEntry.Enrolled member = registry.members().get(parts[0]);
                if (parts.length != 2 || member == null) {
                    throw new Failed("'" + pair + "' is not ORGANISATION=FINGERPRINT of a member; sotto peers list");
                }
                Bytes fingerprint = Enc.sha256(member.identityKey());
                if (!Fingerprints.isTyped(parts[1], fingerprint)) {
                    throw new Failed(parts[0] + " has fingerprint " + Fingerprints.grouped(fingerprint)
                            + " in the registry, not the one given; nothing was approved");
                }
                members.add(member);
            }
            return members;
        }
    }

    /// `sotto peers revoke`.
    @Command(
            name = "revoke",
            description = "Approve members no more: this organisation is in no further round with them. A running agent"
                    + " notices it.",
            mixinStandardHelpOptions = true)
    static final class Revoke implements java.util.concurrent.Callable<Integer> {
        @Parameters(paramLabel = "ORGANISATION", arity = "1..*", description = "Its id.")
        private List<String> given = List.of();

        @Mixin
        private HomeOption home = new HomeOption();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws Exception {
            Home own = home.home();
            String itself = Home.readJson(own.federation(), Membership.class).organisation();
            Peers peers = Peers.read(own);
            TreeMap<String, Peers.Pin> left = new TreeMap<>(peers.pinned());
            for (String organisation : given) {
                if (organisation.equals(itself) || left.remove(organisation) == null) {
                    throw new Failed("'" + organisation + "' is not approved by " + itself + "; nothing was revoked");
                }
            }
            Home.writeJson(own.peers(), new Peers(left, peers.registryHead()));
            spec.commandLine().getOut().println("not approved any more: " + String.join(", ", given));
            return 0;
        }
    }
}
