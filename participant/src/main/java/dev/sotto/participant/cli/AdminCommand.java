package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.sotto.participant.enrolment.CoordinatorClient;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.schemas.Topics;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `sotto admin`: what the federation's administrator asks of the coordinator.
@Command(
        name = "admin",
        description = "Administer a federation: invites, members, rounds, the audit log; init makes a new one.",
        mixinStandardHelpOptions = true,
        subcommands = {
            AdminCommand.Invite.class,
            AdminCommand.Members.class,
            AdminCommand.Status.class,
            AdminCommand.Log.class
        })
final class AdminCommand implements Runnable {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new CommandLine.ParameterException(
                spec.commandLine(), "which one: init, invite, members, status or log?");
    }

    /// Which federation, and how the administrator is known there.
    static final class Connection {
        @Option(
                names = "--coordinator",
                required = true,
                paramLabel = "DIR",
                description = "The federation's folder: admin.pem, ca.pem and federation.yaml are read.")
        private Path folder = Path.of("");

        @Option(
                names = "--token-file",
                paramLabel = "FILE",
                description =
                        "Show the access token of the federation's OpenID Connect issuer in this file (mode 0600; -:"
                                + " standard input) instead of admin.pem, which need not be there then.")
        private @Nullable Path tokenFile;

        JsonNode send(String method, String path, JsonNode body)
                throws IOException, InvalidFile, Failed, InterruptedException {
            Path settings = folder.resolve("federation.yaml");
            JsonNode tree = new ObjectMapper(new YAMLFactory()).readTree(settings.toFile());
            if (!tree.path("url").isTextual()) {
                throw new InvalidFile(settings, "url is missing");
            }
            URI url = URI.create(tree.path("url").asText());
            Path ca = folder.resolve("ca.pem");
            CoordinatorClient client = tokenFile == null
                    ? CoordinatorClient.withCertificate(url, folder.resolve("admin.pem"), ca)
                    : withToken(url, tokenFile, ca);
            return client.send(method, path, body);
        }

        private static CoordinatorClient withToken(URI url, Path file, Path ca)
                throws IOException, InvalidFile, Failed {
            byte[] text;
            if (file.equals(Path.of("-"))) {
                text = System.in.readAllBytes();
            } else {
                Home.requireSecret(file);
                text = Files.readAllBytes(file);
            }
            try {
                return CoordinatorClient.withToken(url, new String(text, StandardCharsets.US_ASCII).strip(), ca);
            } catch (IllegalArgumentException e) {
                throw new InvalidFile(file, "holds no access token: " + e.getMessage());
            }
        }
    }

    private static void print(CommandSpec spec, JsonNode answer) {
        spec.commandLine().getOut().println(answer.toPrettyString());
    }

    /// `sotto admin invite`.
    @Command(
            name = "invite",
            description = "Invites: create, list, revoke.",
            mixinStandardHelpOptions = true,
            subcommands = {CreateInvite.class, ListInvites.class, RevokeInvite.class})
    static final class Invite implements Runnable {
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            throw new CommandLine.ParameterException(spec.commandLine(), "which one: create, list or revoke?");
        }
    }

    /// `sotto admin invite create`.
    @Command(name = "create", description = "Invite an organisation, once.", mixinStandardHelpOptions = true)
    static final class CreateInvite implements Callable<Integer> {
        @Parameters(paramLabel = "ORGANISATION", description = "Its id, [a-z0-9-]{1,63}.")
        private String organisation = "";

        @Option(names = "--valid-hours", defaultValue = "48", description = "1 to 720 (default ${DEFAULT-VALUE}).")
        private long hours;

        @Mixin
        private Connection connection = new Connection();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws Exception {
            JsonNode body = JsonNodeFactory.instance
                    .objectNode()
                    .put("organisation", organisation)
                    .put("validHours", hours);
            JsonNode answer = connection.send("POST", "/admin/invites", body);
            spec.commandLine().getOut().println(answer.path("invite").asText());
            return 0;
        }
    }

    /// `sotto admin invite list`.
    @Command(name = "list", description = "Invites that were not used.", mixinStandardHelpOptions = true)
    static final class ListInvites implements Callable<Integer> {
        @Mixin
        private Connection connection = new Connection();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws Exception {
            print(spec, connection.send("GET", "/admin/invites", MissingNode.getInstance()));
            return 0;
        }
    }

    /// `sotto admin invite revoke`.
    @Command(name = "revoke", description = "Void an invite.", mixinStandardHelpOptions = true)
    static final class RevokeInvite implements Callable<Integer> {
        @Parameters(paramLabel = "ORGANISATION", description = "Its id.")
        private String organisation = "";

        @Mixin
        private Connection connection = new Connection();

        @Override
        public Integer call() throws Exception {
            var _ = connection.send("DELETE", "/admin/invites/" + organisation, MissingNode.getInstance());
            return 0;
        }
    }

    /// `sotto admin members`.
    @Command(
            name = "members",
            description = "Members: list, show, suspend, resume, revoke.",
            mixinStandardHelpOptions = true,
            subcommands = {
                ListMembers.class,
                ShowMember.class,
                SuspendMember.class,
                ResumeMember.class,
                RevokeMember.class
            })
    static final class Members implements Runnable {
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "which one: list, show, suspend, resume or revoke?");
        }
    }

    /// `sotto admin members list`.
    @Command(name = "list", description = "Who is and was a member.", mixinStandardHelpOptions = true)
    static final class ListMembers implements Callable<Integer> {
        @Mixin
        private Connection connection = new Connection();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws Exception {
            print(spec, connection.send("GET", "/admin/members", MissingNode.getInstance()));
            return 0;
        }
    }

    /// What is done to a member.
    abstract static class MemberCommand implements Callable<Integer> {
        @Parameters(paramLabel = "ORGANISATION", description = "Its id.")
        private String organisation = "";

        @Mixin
        private Connection connection = new Connection();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        JsonNode ask(String method, String act, JsonNode body) throws Exception {
            if (!Topics.isOrganisation(organisation)) {
                throw new CommandLine.ParameterException(
                        spec.commandLine(), "'" + organisation + "' is not an organisation's id, [a-z0-9-]{1,63}");
            }
            return connection.send(method, "/admin/members/" + organisation + act, body);
        }

        void say(String what) {
            spec.commandLine().getOut().println(organisation + " " + what);
        }

        CommandSpec spec() {
            return spec;
        }
    }

    /// `sotto admin members show`.
    @Command(
            name = "show",
            description = "What a member is, and every act about it, as JSON.",
            mixinStandardHelpOptions = true)
    static final class ShowMember extends MemberCommand {
        @Override
        public Integer call() throws Exception {
            print(spec(), ask("GET", "", MissingNode.getInstance()));
            return 0;
        }
    }

    /// `sotto admin members suspend`.
    @Command(
            name = "suspend",
            description = "Take a member out of rounds at once, and let it write nothing, until it is resumed. It may"
                    + " read on. A round that runs goes on without what it has not delivered.",
            mixinStandardHelpOptions = true)
    static final class SuspendMember extends MemberCommand {
        @Option(names = "--reason", required = true, description = "All members can read it.")
        private String reason = "";

        @Override
        public Integer call() throws Exception {
            var _ = ask(
                    "POST", "/suspend", JsonNodeFactory.instance.objectNode().put("reason", reason));
            say("is suspended");
            return 0;
        }
    }

    /// `sotto admin members resume`.
    @Command(
            name = "resume",
            description = "Let a suspended member take part again, with the keys that its peers approved.",
            mixinStandardHelpOptions = true)
    static final class ResumeMember extends MemberCommand {
        @Override
        public Integer call() throws Exception {
            var _ = ask("POST", "/resume", JsonNodeFactory.instance.objectNode());
            say("is resumed");
            return 0;
        }
    }

    /// `sotto admin members revoke`.
    @Command(name = "revoke", description = "End a membership at once, for good.", mixinStandardHelpOptions = true)
    static final class RevokeMember extends MemberCommand {
        @Option(names = "--reason", required = true, description = "All members can read it.")
        private String reason = "";

        @Override
        public Integer call() throws Exception {
            var _ = ask("POST", "/revoke", JsonNodeFactory.instance.objectNode().put("reason", reason));
            say("is no member any more");
            return 0;
        }
    }

    /// `sotto admin status`.
    @Command(name = "status", description = "Rounds and members, as JSON.", mixinStandardHelpOptions = true)
    static final class Status implements Callable<Integer> {
        @Mixin
        private Connection connection = new Connection();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws Exception {
            print(spec, connection.send("GET", "/admin/status", MissingNode.getInstance()));
            return 0;
        }
    }

    /// `sotto admin log`.
    @Command(
            name = "log",
            description = "The audit log, as JSON lines: who invited, enrolled, renewed, suspended, resumed or revoked"
                    + " whom, or left; when, and with which certificate, or as whom of which OpenID Connect issuer.",
            mixinStandardHelpOptions = true)
    static final class Log implements Callable<Integer> {
        @Mixin
        private Connection connection = new Connection();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws Exception {
            JsonNode told = connection.send("GET", "/admin/acts", MissingNode.getInstance());
            told.path("acts").forEach(act -> spec.commandLine().getOut().println(act));
            if (!told.path("whole").asBoolean()) {
                spec.commandLine()
                        .getErr()
                        .println("acts are missing among these: somebody took them out of the log in Kafka");
                return 1;
            }
            return 0;
        }
    }
}
