package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.crypto.secagg.DirectorState.Output;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Decided;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.ModelKeys;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SealedBox;
import dev.sotto.schemas.UpdateChunk;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Both state machines against `messages.json`: a script in another language signs every message of a round in
/// which one member drops out, from the draws that the machines get too, and rounds with one fault each. Where a
/// fault is refused, why, whom that blames, and what is said then are part of the contract.
class MessageVectorTest {
    private static final String FEDERATION = "north";
    private static final String ME = "org-a";
    private static final String DROPPED = "org-c";
    private static final Primitives PRIMITIVES = new BouncyCastlePrimitives();

    private final JsonNode vectors = read();
    private final Directory directory = directory();

    private static JsonNode read() {
        try (InputStream in = Objects.requireNonNull(MessageVectorTest.class.getResourceAsStream("/messages.json"))) {
            return new ObjectMapper().readTree(in);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static Secret secret(JsonNode hex) {
        return Secret.take(Bytes.fromHex(hex.asText()).toArray());
    }

    private static Envelope envelope(JsonNode hex) {
        try {
            return Envelope.decode(Bytes.fromHex(hex.asText()));
        } catch (MalformedMessage e) {
            throw new AssertionError(e);
        }
    }

    private static List<String> texts(JsonNode array) {
        List<String> texts = new ArrayList<>();
        array.forEach(text -> texts.add(text.asText()));
        return texts;
    }

    private Directory directory() {
        Map<String, Bytes> keys = new TreeMap<>();
        Map<String, Bytes> deliveryKeys = new TreeMap<>();
        vectors.get("members").properties().forEach(member -> {
            keys.put(
                    member.getKey(),
                    PRIMITIVES.identityKey(secret(member.getValue().get("identity"))));
            deliveryKeys.put(
                    member.getKey(), PRIMITIVES.kemKey(secret(member.getValue().get("delivery"))));
        });
        JsonNode outsider = vectors.get("outsider");
        keys.put(outsider.get("id").asText(), PRIMITIVES.identityKey(secret(outsider.get("identity"))));
        return new Directory(
                FEDERATION,
                PRIMITIVES.identityKey(secret(vectors.get("coordinator").get("identity"))),
                keys,
                deliveryKeys);
    }

    /// Gives the script's draws, and fails if anything else is asked for.
    private static Randomness draws(JsonNode given) {
        List<String> left = texts(given);
        return target -> {
            byte[] next = Bytes.fromHex(left.removeFirst()).toArray();
            assertThat(next).hasSameSizeAs(target);
            System.arraycopy(next, 0, target, 0, next.length);
        };
    }

    /// One machine that goes through a list of operations.
    private abstract static class Reader {
        final Map<String, Envelope> log = new HashMap<>();

        Reader(JsonNode envelopes) {
            envelopes.properties().forEach(one -> log.put(one.getKey(), envelope(one.getValue())));
        }

        Envelope logged(String name) {
            return Objects.requireNonNull(log.get(name), name);
        }

        /// What it refuses while it takes a message that nothing is wrong with.
        abstract List<PeerMisbehaved> good(String name);

        /// What it refuses, and what it says.
        abstract List<PeerMisbehaved> bad(Envelope envelope, List<String> answers);

        void run(JsonNode operations, String name) {
            int failures = 0;
            for (JsonNode operation : operations) {
                if (operation.get("success").asBoolean()) {
                    assertThat(good(operation.get("message").asText()))
                            .as("%s: %s", name, operation)
                            .isEmpty();
                    continue;
                }
                operation.get("instead").properties().forEach(one -> log.put(one.getKey(), envelope(one.getValue())));
                List<String> answers = new ArrayList<>();
                List<PeerMisbehaved> faults = bad(envelope(operation.get("envelope")), answers);
                assertThat(faults).as(name).hasSize(1);
                assertThat(faults.getFirst().reason().name())
                        .as("%s: %s", name, faults)
                        .isEqualTo(operation.get("reason").asText());
                assertThat(faults.getFirst().who())
                        .as(name)
                        .isEqualTo(operation.get("who").asText());
                assertThat(answers).as(name).isEqualTo(texts(operation.get("answers")));
                failures++;
            }
            assertThat(failures).as(name).isOne();
        }
    }

    private final class MemberReader extends Reader {
        private final String id;
        private final JsonNode given;
        private final Member member;
        private MemberState state = new MemberState.Idle(Chain.START);
        private Optional<Secret> roundSeed = Optional.empty();

        MemberReader(String id, JsonNode envelopes) {
            super(envelopes);
            this.id = id;
            this.given = vectors.get("members").get(id);
            Set<String> approved = Set.of("org-a", "org-b", "org-c", "org-d");
            this.member = new Member(
                    PRIMITIVES,
                    new Identity(PRIMITIVES, FEDERATION, id, secret(given.get("identity"))),
                    secret(given.get("delivery")),
                    secret(given.get("salt")),
                    directory,
                    new MemberRules(approved, 3, 3, 1, opened -> Optional.empty()),
                    draws(given.get("draws")),
                    new Federation.MemoryJournal(),
                    1);
        }

        @Override
        List<PeerMisbehaved> good(String name) {
            Envelope envelope = logged(name);
            return step(
                    name.startsWith("1/") ? new MemberInput.Missed(envelope) : input(envelope),
                    said -> assertThat(said)
                            .isEqualTo(logged(id + "/" + said.type().wireName())));
        }

        @Override
        List<PeerMisbehaved> bad(Envelope envelope, List<String> answers) {
            return step(input(envelope), said -> answers.add(said.type().wireName()));
        }

        private MemberInput input(Envelope envelope) {
            return new MemberInput.Read(
                    envelope,
                    log.values().stream()
                            .filter(one -> one.type() == MessageType.SHARES_DEALT)
                            .toList());
        }

        private List<PeerMisbehaved> step(MemberInput input, java.util.function.Consumer<Envelope> said) {
            MemberState.Transition next = member.step(state, input);
            state = next.state();
            List<PeerMisbehaved> faults = new ArrayList<>();
            for (MemberOutput output : next.outputs()) {
                switch (output) {
                    case MemberOutput.Publish publish -> said.accept(publish.envelope());
                    case MemberOutput.Refused refused -> faults.add(refused.fault());
                    case MemberOutput.Train train -> {
                        if (!id.equals(DROPPED)) {
                            faults.addAll(step(new MemberInput.Trained(update(), spool()), said));
                        }
                    }
                    case MemberOutput.Closed closed -> roundSeed = closed.roundSeed();
                    default -> {}
                }
            }
            return faults;
        }

        private Update update() {
            JsonNode values = given.get("update");
            float[] update = new float[values.size()];
            for (int i = 0; i < update.length; i++) {
                update[i] = (float) values.get(i).asDouble();
            }
            return new Update(
                    Map.of("adapter", update),
                    given.get("weight").asInt(),
                    given.get("loss").asDouble(),
                    100,
                    1000);
        }

        private Spool spool() {
            return new Spool() {
                @Override
                public void write(Envelope chunk) {
                    try {
                        String vector = UpdateChunk.parse(chunk.payload()).vector();
                        assertThat(chunk).isEqualTo(logged(id + "/UpdateChunk/" + vector));
                    } catch (MalformedMessage e) {
                        throw new AssertionError(e);
                    }
                }

                @Override
                public void seal() {}
            };
        }
    }

    private final class DirectorReader extends Reader {
        private final Director director = new Director(
                PRIMITIVES,
                new Identity(
                        PRIMITIVES,
                        FEDERATION,
                        "coordinator",
                        secret(vectors.get("coordinator").get("identity"))),
                directory,
                secret(vectors.get("coordinator").get("k")),
                draws(vectors.get("coordinator").get("draws")),
                Patience.Grace.of(Duration.ofSeconds(5)));
        private DirectorState state = DirectorState.START;
        private Instant now = Instant.EPOCH;
        private Optional<Decided> decided = Optional.empty();

        DirectorReader(JsonNode envelopes) {
            super(envelopes);
        }

        @Override
        List<PeerMisbehaved> good(String name) {
            Envelope envelope = logged(name);
            if (name.startsWith("1/")) {
                return publishes(envelope, new Input.Ended(decided(envelope)));
            }
            if (!envelope.type().fromCoordinator()) {
                List<PeerMisbehaved> faults = step(new Input.Received(envelope));
                if (envelope.type() == MessageType.UPDATE_MANIFEST) {
                    faults.addAll(step(new Input.Delivered(
                            envelope.sender(), dev.sotto.crypto.primitive.Enc.sha256(envelope.encode()))));
                }
                return faults;
            }
            if (envelope.type() == MessageType.ROUND_OPENED) {
                List<PeerMisbehaved> faults = step(new Input.Open(parse(envelope)));
                assertThat(faults).isEmpty();
            }
            if (decided.isEmpty()) {
                // Of the dropped member there is no manifest: time must go by.
                now = now.plusSeconds(1000);
                assertThat(step(new Input.Tick())).isEmpty();
            }
            assertThat(decided).as(name).contains(decided(envelope));
            decided = Optional.empty();
            return publishes(envelope, new Input.Decision(decided(envelope)));
        }

        private Decided decided(Envelope envelope) {
            return new Decided(envelope.type(), envelope.transcript(), envelope.payload());
        }

        private static RoundOpened parse(Envelope envelope) {
            try {
                return RoundOpened.parse(envelope.payload());
            } catch (MalformedMessage e) {
                throw new AssertionError(e);
            }
        }

        private List<PeerMisbehaved> publishes(Envelope expected, Input input) {
            DirectorState.Transition next = director.step(state, input, now);
            state = next.state();
            assertThat(next.outputs()).containsExactly(new Output.Publish(expected));
            return List.of();
        }

        @Override
        List<PeerMisbehaved> bad(Envelope envelope, List<String> answers) {
            return step(new Input.Received(envelope));
        }

        private List<PeerMisbehaved> step(Input input) {
            DirectorState.Transition next = director.step(state, input, now);
            state = next.state();
            List<PeerMisbehaved> faults = new ArrayList<>();
            for (Output output : next.outputs()) {
                switch (output) {
                    case Output.Refused refused -> faults.add(refused.fault());
                    case Output.Decide decide -> decided = Optional.of(decide.decided());
                    case Output.Unmask unmask -> faults.addAll(close(unmask));
                    default -> throw new AssertionError("unexpected " + output);
                }
            }
            return faults;
        }

        /// Sums the survivors' chunks, takes the masks off, and closes on what came out.
        private List<PeerMisbehaved> close(Output.Unmask unmask) {
            Survivors survivors = unmask.unmasking().survivors();
            MaskedSum sum = new MaskedSum(survivors.routed().roster().opened());
            try (Unmasker unmasker = unmask.unmasker()) {
                for (Envelope envelope : log.values()) {
                    if (envelope.type() == MessageType.UPDATE_CHUNK) {
                        sum.add(envelope.sender(), UpdateChunk.parse(envelope.payload()));
                    }
                }
                RoundClosed closed = RoundClosed.parse(logged("RoundClosed").payload());
                Bytes digest = sum.unmask(survivors, unmasker, 1).digest();
                return step(new Input.Close(closed.version(), closed.modelDigest(), digest));
            } catch (MalformedMessage e) {
                throw new AssertionError(e);
            }
        }
    }

    @Test
    void round_everyMember_signsTheScriptsMessagesByteForByte() {
        for (String id : List.of("org-a", "org-b", "org-c", "org-d")) {
            MemberReader member = new MemberReader(id, vectors.get("log"));
            List<String> reads = texts(vectors.get("reads"));
            reads.forEach(name -> assertThat(member.good(name)).as(name).isEmpty());
            assertThat(member.state).isInstanceOf(MemberState.Idle.class);
            assertThat(PRIMITIVES.kemKey(member.roundSeed.orElseThrow()))
                    .isEqualTo(
                            DirectorReader.parse(member.logged("RoundOpened")).roundKey());
        }
    }

    @Test
    void round_director_decidesAndSignsTheScriptsMessagesByteForByte() {
        DirectorReader director = new DirectorReader(vectors.get("log"));
        texts(vectors.get("handles"))
                .forEach(name -> assertThat(director.good(name)).as(name).isEmpty());
        assertThat(director.state.chain().closed()).isTrue();
    }

    @Test
    @Tag("slow")
    void badRounds_eachFault_isRefusedAtItsOperationForItsReason() {
        Map<String, Integer> count = new TreeMap<>();
        for (JsonNode one : vectors.get("bad")) {
            String reader = one.get("reader").asText();
            count.merge(reader, 1, Integer::sum);
            (reader.equals("director")
                            ? new DirectorReader(vectors.get("log"))
                            : new MemberReader(reader, vectors.get("log")))
                    .run(one.get("operations"), one.get("name").asText());
        }
        assertThat(count).isEqualTo(Map.of("director", 50, ME, 84));
    }

    /// Lies that show only when secrets are rebuilt: the attempt is aborted, and names the dealer.
    @Test
    void lies_aboutWhatWasCommitted_areFoundWhenTheLastShareComes() {
        List<String> handles = texts(vectors.get("handles"));
        List<String> before = handles.subList(0, handles.size() - 1);
        int lies = 0;
        for (Map.Entry<String, JsonNode> lie : vectors.get("lies").properties()) {
            DirectorReader director = new DirectorReader(lie.getValue().get("log"));
            before.subList(0, before.size() - 1)
                    .forEach(name -> assertThat(director.good(name))
                            .as("%s: %s", lie.getKey(), name)
                            .isEmpty());
            List<PeerMisbehaved> faults = director.good(before.getLast());
            assertThat(faults).as(lie.getKey()).hasSize(1);
            assertThat(faults.getFirst().reason()).isEqualTo(Refusal.COMMITMENT);
            assertThat(faults.getFirst().who())
                    .isEqualTo(lie.getValue().get("who").asText());
            assertThat(director.decided.orElseThrow().type()).isEqualTo(MessageType.ROUND_ABORTED);
            lies++;
        }
        assertThat(lies).isEqualTo(4);
    }

    @Test
    void chunks_ofAMember_areTakenOnlyAsItsManifestHasThem() throws Exception {
        DirectorReader director = new DirectorReader(vectors.get("log"));
        List<String> handles = texts(vectors.get("handles"));
        handles.subList(0, handles.indexOf("SurvivorsSealed"))
                .forEach(name -> assertThat(director.good(name)).isEmpty());
        DirectorState.Phase.Updates updates = (DirectorState.Phase.Updates) director.state.phase();
        Manifest manifest = Objects.requireNonNull(updates.manifests().get("org-b"));
        int cases = 0;
        for (JsonNode one : vectors.get("chunks")) {
            String name = one.get("name").asText();
            Envelope chunk = envelope(one.get("envelope"));
            if (one.get("success").asBoolean()) {
                assertThat(manifest.chunk(PRIMITIVES, directory, chunk).encode())
                        .isEqualTo(chunk.payload());
            } else {
                assertThatThrownBy(() -> manifest.chunk(PRIMITIVES, directory, chunk))
                        .as(name)
                        .isInstanceOfSatisfying(
                                PeerMisbehaved.class,
                                fault -> assertThat(fault.reason().name())
                                        .as(name)
                                        .isEqualTo(one.get("reason").asText()));
            }
            cases++;
        }
        assertThat(cases).isEqualTo(11);
    }

    @Test
    void registry_entriesSignedElsewhere_giveTheSameHeads() throws Exception {
        Registry registry = Registry.START;
        for (JsonNode entry : vectors.get("registry").get("entries")) {
            registry = registry.next(PRIMITIVES, directory, envelope(entry.get("envelope")));
            assertThat(registry.head().hex()).isEqualTo(entry.get("head").asText());
        }
        assertThat(registry.members().keySet()).containsExactly("org-a", "org-b");
        Registry last = registry;
        for (JsonNode bad : vectors.get("registry").get("bad")) {
            assertThatThrownBy(() -> last.next(PRIMITIVES, directory, envelope(bad.get("envelope"))))
                    .as(bad.get("name").asText())
                    .isInstanceOfSatisfying(
                            PeerMisbehaved.class,
                            fault -> assertThat(fault.reason().name())
                                    .isEqualTo(bad.get("reason").asText()));
        }
    }

    @Test
    void modelKeys_sealedElsewhere_openForTheirReceiverOnly() throws Exception {
        JsonNode given = vectors.get("modelKeys");
        Envelope envelope = envelope(given.get("envelope"));
        ModelKeys keys = (ModelKeys) directory.verify(PRIMITIVES, envelope, envelope.transcript());
        Secret k = secret(vectors.get("coordinator").get("k"));
        Secret key = new RoundContext(FEDERATION, 0, 2).modelKey(k, keys.transcript());
        assertThat(raw(key)).isEqualTo(given.get("key").asText());
        for (SealedBox box : keys.boxes()) {
            assertThat(raw(open(keys, box.organisation(), box.box())))
                    .isEqualTo(given.get("key").asText());
        }
        given.get("bad")
                .properties()
                .forEach(bad -> assertThatThrownBy(() ->
                                open(keys, ME, Bytes.fromHex(bad.getValue().asText())))
                        .as(bad.getKey())
                        .isInstanceOf(BoxRefused.class));
    }

    private Secret open(ModelKeys keys, String receiver, Bytes box) throws BoxRefused {
        Bytes info = RoundContext.modelInfo(FEDERATION, keys.modelDigest(), keys.version(), receiver);
        return PRIMITIVES.open(secret(vectors.get("members").get(receiver).get("delivery")), info, box);
    }

    private static String raw(Secret secret) {
        return Bytes.of(secret.expose(InsecureSecretAccess.get())).hex();
    }
}
