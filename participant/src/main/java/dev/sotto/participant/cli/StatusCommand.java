package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.sotto.participant.agent.Status;
import dev.sotto.participant.agent.Versions;
import dev.sotto.participant.home.Departure;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Peers;
import dev.sotto.participant.home.Policy;
import dev.sotto.participant.home.PrivacyLedger;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;
import java.util.StringJoiner;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto status`: what this organisation is and does, as its home says, without asking anyone.
@Command(
        name = "status",
        description =
                "What this organisation's agent does, how its last rounds ended, what it refused and why, what the"
                        + " policy allows, and when the certificate ends.",
        mixinStandardHelpOptions = true)
final class StatusCommand implements Callable<Integer> {
    private static final Duration LOOK = Duration.ofSeconds(1);
    private static final int SHOWN = 8;

    /// Waits until it is time to look again.
    @FunctionalInterface
    interface Pause {
        /// Returns after a while.
        ///
        /// @throws InterruptedException if nobody looks any more
        void rest() throws InterruptedException;
    }

    @Mixin
    private HomeOption home = new HomeOption();

    @Mixin
    private OutputOption format = new OutputOption();

    @Option(names = "--follow", description = "Say it again whenever it changes, until stopped.")
    private boolean follow;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    private final Clock clock;
    private final Pause pause;

    StatusCommand() {
        this(Clock.systemUTC(), () -> Thread.sleep(LOOK));
    }

    StatusCommand(Clock clock, Pause pause) {
        this.clock = clock;
        this.pause = pause;
    }

    @Override
    public Integer call() throws Exception {
        String said = look();
        tell(said);
        try {
            while (follow) {
                pause.rest();
                String now = look();
                if (!now.equals(said)) {
                    said = now;
                    tell(said);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return 0;
    }

    private void tell(String said) {
        PrintWriter out = spec.commandLine().getOut();
        out.println(said);
        if (follow && !format.json()) {
            out.println();
        }
        out.flush();
    }

    private String look() throws IOException, InvalidFile {
        ObjectNode status = read(home.home());
        return format.json() ? status.toString() : text(status);
    }

    // ---- what there is ----

    private ObjectNode read(Home own) throws IOException, InvalidFile {
        Membership membership = Home.readJson(own.federation(), Membership.class);
        ObjectNode json = JsonNodeFactory.instance
                .objectNode()
                .put("organisation", membership.organisation())
                .put("federation", membership.federation())
                .put("broker", membership.bootstrapServers());
        ArrayNode approved = json.putArray("approved");
        Peers.read(own).pinned().keySet().forEach(approved::add);
        Optional<Instant> ends = own.certificate().map(Home.Validity::ends);
        ends.ifPresent(at -> json.put("certificateEnds", at.toString())
                .put("certificateDays", Duration.between(clock.instant(), at).toDays()));
        if (Files.exists(own.left())) {
            Departure left = Home.readJson(own.left(), Departure.class);
            json.putObject("left").put("at", left.at()).put("reason", left.reason());
        }
        boolean running = own.isTaken();
        json.put("running", running);
        Optional<Status> agent = Status.read(own);
        if (agent.isPresent()) {
            ObjectNode said = new ObjectMapper().valueToTree(agent.get());
            if (!running) {
                // What it did when it was stopped is over.
                said.remove("doing");
            }
            json.setAll(said);
        }
        Optional<Versions.Description> last = new Versions(own.models()).last();
        if (last.isPresent()) {
            json.putObject("adapter")
                    .put("version", last.get().version())
                    .put("digest", last.get().digest())
                    .put("recomputed", last.get().recomputed());
        }
        Policy policy = Policy.read(own.policy());
        policy(own, json);
        privacy(own, policy, json);
        return json;
    }

    private static void policy(Home own, ObjectNode json) throws IOException {
        JsonNode file = new ObjectMapper(new YAMLFactory()).readTree(Files.readString(own.policy()));
        json.set("policy", file);
    }

    private static void privacy(Home own, Policy policy, ObjectNode json) throws IOException, InvalidFile {
        if (policy.privacy().isPresent()) {
            Policy.Privacy demanded = policy.privacy().get();
            PrivacyLedger ledger = PrivacyLedger.read(own);
            json.putObject("privacy")
                    .put("epsilon", ledger.epsilon(demanded.delta()))
                    .put("mostEpsilon", demanded.mostEpsilon())
                    .put("delta", demanded.delta())
                    .put("trainings", ledger.trainings().size());
        }
    }

    // ---- for people ----

    private static String text(ObjectNode json) {
        StringJoiner lines = new StringJoiner(System.lineSeparator());
        line(
                lines,
                "organisation",
                json.path("organisation").asText() + " of "
                        + json.path("federation").asText());
        line(lines, "broker", json.path("broker").asText());
        line(lines, "approved", list(json.path("approved")));
        line(
                lines,
                "certificate",
                json.has("certificateEnds")
                        ? "ends " + json.path("certificateEnds").asText() + ", in "
                                + json.path("certificateDays").asLong() + " days"
                        : "none yet");
        if (json.has("left")) {
            line(
                    lines,
                    "left",
                    "at " + json.at("/left/at").asText()
                            + (json.at("/left/reason").asText().isEmpty()
                                    ? ""
                                    : ": " + json.at("/left/reason").asText()));
        }
        line(lines, "agent", agent(json));
        line(lines, "adapter", adapter(json.path("adapter")));
        lines("round", json.path("rounds"), lines, StatusCommand::round);
        lines("refused", json.path("refused"), lines, StatusCommand::trouble);
        lines("failed", json.path("failed"), lines, StatusCommand::trouble);
        policy(lines, json.path("policy"));
        line(lines, "privacy", privacy(json.path("privacy")));
        return lines.toString();
    }

    private static void line(StringJoiner lines, String name, String value) {
        lines.add(String.format(Locale.ROOT, "%-13s %s", name, value));
    }

    private static void lines(
            String name, JsonNode all, StringJoiner lines, java.util.function.Function<JsonNode, String> text) {
        for (int i = 0; i < Math.min(all.size(), SHOWN); i++) {
            line(lines, i == 0 ? name : "", text.apply(all.get(i)));
        }
    }

    private static String list(JsonNode texts) {
        StringJoiner joined = new StringJoiner(", ");
        texts.forEach(text -> joined.add(text.asText()));
        return joined.toString();
    }

    private static String agent(JsonNode json) {
        if (!json.path("running").asBoolean()) {
            return json.has("updated")
                    ? "not running; it last said something at "
                            + json.path("updated").asText()
                    : "not running";
        }
        JsonNode doing = json.path("doing");
        String phase = doing.path("phase").asText("starting");
        String what = switch (phase) {
            case "waiting" -> "waits for a round";
            case "broker" -> "waits for the broker";
            case "suspended" -> "waits until the consortium resumes this organisation";
            case "starting" -> "starts";
            default ->
                "round " + doing.path("round").asLong() + " attempt "
                        + doing.path("attempt").asLong() + ": " + phase;
        };
        String step = doing.path("steps").asInt() == 0
                ? ""
                : String.format(
                        Locale.ROOT,
                        ", step %d of %d, loss %.4f",
                        doing.path("step").asInt(),
                        doing.path("steps").asInt(),
                        doing.path("loss").asDouble());
        String since = doing.path("since").asText();
        return what + step + (since.isEmpty() ? "" : ", since " + since);
    }

    private static String adapter(JsonNode adapter) {
        return adapter.isMissingNode()
                ? "none yet"
                : "version " + adapter.path("version").asLong() + ", digest "
                        + adapter.path("digest").asText()
                        + (adapter.path("recomputed").asBoolean() ? ", recomputed here" : "");
    }

    private static String round(JsonNode round) {
        String detail = round.path("detail").asText();
        return round.path("round").asLong() + " attempt "
                + round.path("attempt").asLong() + " "
                + round.path("outcome").asText() + " at " + round.path("at").asText()
                + (detail.isEmpty() ? "" : ": " + detail);
    }

    private static String trouble(JsonNode trouble) {
        int times = trouble.path("times").asInt();
        return trouble.path("last").asText() + " " + trouble.path("reason").asText() + ": "
                + trouble.path("detail").asText() + (times > 1 ? " (" + times + " times)" : "");
    }

    private static void policy(StringJoiner lines, JsonNode policy) {
        boolean first = true;
        for (var key : policy.properties()) {
            JsonNode value = key.getValue();
            line(
                    lines,
                    first ? "policy" : "",
                    key.getKey() + ": "
                            + (value.isArray()
                                    ? "[" + list(value) + "]"
                                    : value.isValueNode() ? value.asText() : value.toString()));
            first = false;
        }
    }

    private static String privacy(JsonNode privacy) {
        return privacy.isMissingNode()
                ? "the policy demands none"
                : String.format(
                        Locale.ROOT,
                        "epsilon %.3f of %s spent at delta %s, in %d trainings",
                        privacy.path("epsilon").asDouble(),
                        privacy.path("mostEpsilon").asDouble(),
                        privacy.path("delta").asDouble(),
                        privacy.path("trainings").asInt());
    }
}
