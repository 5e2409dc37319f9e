package dev.sotto.coordinator.settings;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.sotto.algorithms.ClientStep;
import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.crypto.fixedpoint.Rows;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.secagg.Patience;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Deadlines;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.Topics;
import dev.sotto.schemas.VectorLayout;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/// What an operator decides about a federation: `federation.yaml`, checked as a whole when it is read.
///
/// @param federation        id
/// @param bootstrapServers  of Kafka, as members reach it too
/// @param url               where members enrol
/// @param partitions        of `models` and of each `updates` topic
/// @param replicationFactor of every topic
/// @param membersAtLeast    how many mutually approved members a round needs
/// @param cohort            how many of them are drawn for each round; empty if all of them take part
/// @param rounds            after which the federation is done
/// @param auditWindow       how many closed rounds' chunks stay in the logs; empty if all do
/// @param aggregation       of secure aggregation
/// @param deadlines         per phase, without the time that bytes take
/// @param slowestLink       of a member, in Mbit/s: what it fetches and sends at that rate is added to the deadlines
/// @param stragglerGrace    see [dev.sotto.crypto.secagg.Patience], without the time that bytes take
/// @param optimizer         the federated algorithm's server side
/// @param proximalMu        μ of FedProx, 0 in every other algorithm
/// @param training          what members do
/// @param publicSeed        32 bytes of which version 0 is made
/// @param adapter           what is trained
/// @param oidc              who besides the holders of certificates may see and administer it
public record Settings(
        String federation,
        String bootstrapServers,
        URI url,
        int partitions,
        short replicationFactor,
        int membersAtLeast,
        OptionalInt cohort,
        long rounds,
        OptionalInt auditWindow,
        Aggregation aggregation,
        Deadlines deadlines,
        int slowestLink,
        Duration stragglerGrace,
        ServerOptimizer optimizer,
        double proximalMu,
        Training training,
        Bytes publicSeed,
        Adapter adapter,
        Optional<Oidc> oidc) {
    private static final Pattern ANY = Pattern.compile("\\S+");
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_.]{1,128}");
    private static final Duration LONGEST = Duration.ofDays(7);

    /// Of secure aggregation; what is left out follows from the cohort (protocol §2).
    public record Aggregation(
            int ringBits,
            OptionalInt maxDropouts,
            OptionalInt maxColluders,
            OptionalInt minSurvivors,
            OptionalInt threshold,
            int weightCap,
            Weighting weighting) {}

    /// What members do; LoRA's shape is the adapter's.
    public record Training(
            String objective,
            String template,
            int steps,
            int batchSize,
            int maxTokens,
            double learningRate,
            double learningRateMin,
            double weightDecay,
            double clipNorm,
            double beta) {}

    /// What `sotto layout` wrote.
    ///
    /// @param mode            what is shared of the adapter: `lora`, `ffa`, `rolora`, `fed-sb` or `mixed`
    /// @param baseModelDigest of the checkpoint that every member must have
    /// @param layout          the vector `adapter`, ranges open
    public record Adapter(
            String mode,
            Bytes baseModelDigest,
            int rank,
            double alpha,
            List<String> targetModules,
            VectorLayout layout) {
        /// Copies the list.
        public Adapter {
            targetModules = List.copyOf(targetModules);
        }
    }

    /// Reads `federation.yaml` and the layout that it names, relative to it.
    ///
    /// @throws InvalidSettings naming file, key, value and what is allowed
    public static Settings read(Path file) throws IOException, InvalidSettings {
        Section top = new Section(file.toString(), tree(file, new ObjectMapper(new YAMLFactory())));
        String federation =
                top.text("federation", Pattern.compile("[a-z0-9-]{1,63}"), "an id of [a-z0-9-], at most 63");
        String bootstrap = top.text("bootstrapServers", Pattern.compile("\\S+:[0-9]{1,5}"), "HOST:PORT[,HOST:PORT…]");
        String url = top.text("url", Pattern.compile("https://[^/\\s]+:[0-9]{1,5}"), "https://HOST:PORT");
        int partitions = (int) top.integer("partitions", 1, 256, 4);
        short replication = (short) top.integer("replicationFactor", 1, 7, 3);
        Section members = top.section("members");
        int atLeast = (int) members.integer("atLeast", 3, 255);
        OptionalInt cohort = optional(members, "cohort", 3);
        if (cohort.isPresent() && cohort.getAsInt() > atLeast) {
            throw members.bad("cohort", String.valueOf(cohort.getAsInt()), "at most members.atLeast, " + atLeast);
        }
        members.done();
        long rounds = top.integer("rounds", 1, 100_000);
        OptionalInt auditWindow = top.has("auditWindow")
                ? OptionalInt.of((int) top.integer("auditWindow", 1, 100_000))
                : OptionalInt.empty();
        Aggregation aggregation = aggregation(top.section("aggregation"));
        Section d = top.section("deadlines");
        Deadlines deadlines = new Deadlines(
                seconds(d, "keys"),
                seconds(d, "shares"),
                seconds(d, "training"),
                seconds(d, "confirmation"),
                seconds(d, "reveal"));
        int slowestLink = rate(d, "slowestLink", 20);
        d.done();
        Duration grace = top.duration("stragglerGrace", LONGEST);
        Section algorithm = top.section("algorithm");
        ServerOptimizer optimizer = optimizer(algorithm);
        double proximalMu =
                optimizer == ServerOptimizer.FEDPROX ? algorithm.number("mu", 1e-9, 1e3, ClientStep.PROXIMAL_MU) : 0;
        algorithm.done();
        Training training = training(top.section("training"));
        String seed = top.text("publicSeed", Pattern.compile("[0-9a-f]{64}"), "64 hexadecimal digits");
        Path layout = layout(file, top);
        Optional<Oidc> oidc = top.has("oidc") ? Optional.of(Oidc.read(file, top.section("oidc"))) : Optional.empty();
        top.done();
        return new Settings(
                federation,
                bootstrap,
                uri(top, url),
                partitions,
                replication,
                atLeast,
                cohort,
                rounds,
                auditWindow,
                aggregation,
                deadlines,
                slowestLink,
                grace,
                optimizer,
                proximalMu,
                training,
                Bytes.fromHex(seed),
                adapter(layout, optimizer),
                oidc);
    }

    /// The JSON Schema of `federation.yaml`, for editors and other programs; what [#read] refuses beyond it is a
    /// file that is not there, and values that do not go together.
    public static InputStream schema() {
        return Objects.requireNonNull(
                Settings.class.getResourceAsStream("/dev/sotto/coordinator/federation.schema.json"),
                "federation.schema.json is part of the coordinator");
    }

    /// How long a member fetches on the slowest link what it needs before it can take part: the whole version,
    /// and everybody's chunks, to recompute the round before. A sample of these is hardly less: it reads whole
    /// partitions.
    ///
    /// @param members of a round
    public Duration fetching(int members) {
        return onSlowestLink(Float.SIZE * (1 + optimizer.stateVectors()) + members * sentBits());
    }

    /// How long a member sends its update on the slowest link.
    public Duration sending() {
        return onSlowestLink(sentBits());
    }

    /// Of an update, for each coordinate of the adapter.
    private int sentBits() {
        return aggregation.ringBits() * (optimizer.hasControl() ? 2 : 1);
    }

    /// What stragglers get at least: [#stragglerGrace], and the time that takes on the slowest link what they have to
    /// fetch or send.
    ///
    /// @param members of the federation
    public Patience.Grace grace(int members) {
        return new Patience.Grace(
                stragglerGrace.plus(fetching(cohort.orElse(members))), stragglerGrace.plus(sending()), stragglerGrace);
    }

    private Duration onSlowestLink(int bitsPerCoordinate) {
        return Duration.ofMillis(adapter.layout().size() * bitsPerCoordinate / (slowestLink * 1000L));
    }

    /// The names of its topics.
    public Topics topics() {
        return new Topics(federation);
    }

    private static URI uri(Section section, String url) throws InvalidSettings {
        try {
            return new URI(url);
        } catch (URISyntaxException e) {
            throw section.bad("url", url, "https://HOST:PORT");
        }
    }

    private static Path layout(Path file, Section section) throws InvalidSettings {
        String description = "the file that `sotto layout` wrote";
        String name = section.text("adapter", ANY, description);
        try {
            return file.resolveSibling(name);
        } catch (InvalidPathException e) {
            throw section.bad("adapter", name, description);
        }
    }

    private static Aggregation aggregation(Section section) throws InvalidSettings {
        int bits = (int) section.integer("ringBits", 16, 32, 24);
        if (bits != 16 && bits != 24 && bits != 32) {
            throw section.bad("ringBits", String.valueOf(bits), "16, 24 or 32");
        }
        String weighting = section.has("weighting") ? section.text("weighting", ANY, "a name") : "classes";
        Weighting parsed;
        try {
            parsed = Weighting.of(weighting);
        } catch (IllegalArgumentException e) {
            throw section.bad("weighting", weighting, "uniform, classes or exact");
        }
        Aggregation aggregation = new Aggregation(
                bits,
                optional(section, "maxDropouts", 0),
                optional(section, "maxColluders", 0),
                optional(section, "minSurvivors", 3),
                optional(section, "threshold", 2),
                (int) section.integer("weightCap", 1, 65_535, 1024),
                parsed);
        section.done();
        return aggregation;
    }

    private static OptionalInt optional(Section section, String key, int least) throws InvalidSettings {
        return section.has(key) ? OptionalInt.of((int) section.integer(key, least, 255)) : OptionalInt.empty();
    }

    private static int seconds(Section section, String key) throws InvalidSettings {
        Duration duration = section.duration(key, LONGEST);
        if (duration.toSeconds() < 1) {
            throw section.bad(key, duration.toMillis() + "ms", "at least 1s");
        }
        return (int) duration.toSeconds();
    }

    /// In Mbit/s.
    private static int rate(Section section, String key, int otherwise) throws InvalidSettings {
        if (!section.has(key)) {
            return otherwise;
        }
        String unit = "Mbit/s";
        String text = section.text(key, Pattern.compile("[1-9][0-9]{0,5}" + unit), "like 20Mbit/s, 1 to 999999");
        return Integer.parseInt(text.substring(0, text.length() - unit.length()));
    }

    private static ServerOptimizer optimizer(Section section) throws InvalidSettings {
        String name = section.text("name", ANY, "a name");
        try {
            return ServerOptimizer.of(name);
        } catch (IllegalArgumentException e) {
            throw section.bad("name", name, String.valueOf(e.getMessage()));
        }
    }

    private static Training training(Section section) throws InvalidSettings {
        double rate = section.number("learningRate", 1e-9, 1);
        String objective = choice(section, "objective", List.of("sft", "dpo"));
        boolean dpo = objective.equals("dpo");
        if (!dpo && section.has("beta")) {
            throw section.bad("beta", "given", "left out with objective sft");
        }
        Training training = new Training(
                objective,
                choice(section, "template", List.of("alpaca", "vicuna", "chat")),
                (int) section.integer("steps", 1, 1_000_000),
                (int) section.integer("batchSize", 1, 65_536),
                (int) section.integer("maxTokens", 8, 1 << 20),
                rate,
                section.number("learningRateMin", 0, rate, Math.min(1e-6, rate)),
                section.number("weightDecay", 0, 1, 0),
                section.number("clipNorm", 0, 1e6, 1),
                dpo ? section.number("beta", 1e-6, 1e3, 0.1) : 0);
        section.done();
        return training;
    }

    /// One of some names; the first, if the key is left out.
    private static String choice(Section section, String key, List<String> names) throws InvalidSettings {
        return section.has(key)
                ? section.text(key, Pattern.compile(String.join("|", names)), "one of " + String.join(", ", names))
                : names.getFirst();
    }

    private static Adapter adapter(Path file, ServerOptimizer optimizer) throws IOException, InvalidSettings {
        Section top = new Section(file.toString(), tree(file, new ObjectMapper()));
        String digest = top.text("baseModelDigest", Pattern.compile("[0-9a-f]{64}"), "64 hexadecimal digits");
        String mode = choice(top, "mode", List.of("lora", "ffa", "rolora", "fed-sb", Rows.MODE));
        if (mode.equals(Rows.MODE) && optimizer.hasControl()) {
            throw new InvalidSettings(
                    file + ": mode is mixed, must be another one with algorithm scaffold, whose c has all rows");
        }
        if (mode.equals("rolora") && optimizer.hasControl()) {
            throw new InvalidSettings(file
                    + ": mode is rolora, must be another one with algorithm scaffold, whose c moves in every round");
        }
        int rank = (int) top.integer("r", 1, 1024);
        double alpha = top.number("alpha", 1e-6, 1e6);
        List<String> modules = top.texts("targetModules", NAME, "a module's name");
        top.has("tensors");
        top.done();
        List<TensorLayout> tensors = new ArrayList<>();
        try {
            for (JsonNode tensor : tree(file, new ObjectMapper()).path("tensors")) {
                List<Integer> shape = new ArrayList<>();
                tensor.path("shape").forEach(size -> shape.add(size.asInt()));
                tensors.add(new TensorLayout(tensor.path("name").asText(), shape, 0));
            }
            return new Adapter(
                    mode,
                    Bytes.fromHex(digest),
                    rank,
                    alpha,
                    modules,
                    new VectorLayout("adapter", optimizer.weighted(), tensors));
        } catch (IllegalArgumentException e) {
            throw new InvalidSettings(file + ": tensors: " + e.getMessage());
        }
    }

    private static JsonNode tree(Path file, ObjectMapper mapper) throws IOException, InvalidSettings {
        if (!Files.isRegularFile(file)) {
            throw new InvalidSettings(file + " is not a file");
        }
        try {
            return Optional.ofNullable(mapper.readTree(Files.readString(file)))
                    .orElseThrow(() -> new InvalidSettings(file + " is empty"));
        } catch (CharacterCodingException e) {
            throw new InvalidSettings(file + " is not UTF-8");
        } catch (JsonProcessingException e) {
            throw new InvalidSettings(file + ":" + e.getLocation().getLineNr() + ": " + e.getOriginalMessage());
        }
    }
}
