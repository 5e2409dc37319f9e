package dev.sotto.participant.agent;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.crypto.secagg.Chain;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.Member;
import dev.sotto.crypto.secagg.MemberInput;
import dev.sotto.crypto.secagg.MemberOutput;
import dev.sotto.crypto.secagg.MemberRules;
import dev.sotto.crypto.secagg.MemberState;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.crypto.secagg.Recomputation;
import dev.sotto.crypto.secagg.Refusal;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.crypto.secagg.Sample;
import dev.sotto.crypto.secagg.Unmasking;
import dev.sotto.crypto.secagg.Update;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Lift;
import dev.sotto.participant.home.Peers;
import dev.sotto.participant.home.Policy;
import dev.sotto.participant.home.PrivacyLedger;
import dev.sotto.participant.kafka.KafkaClients;
import dev.sotto.participant.kafka.Logs;
import dev.sotto.participant.model.Layouts;
import dev.sotto.participant.model.LocalUpdate;
import dev.sotto.participant.model.Plans;
import dev.sotto.participant.model.ServerSide;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundDeclined;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SurvivorsSealed;
import dev.sotto.schemas.Topics;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.schemas.VectorLayout;
import dev.sotto.telemetry.RoundSpans;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LoraMode;
import dev.sotto.training.privacy.DpSgd;
import dev.sotto.training.privacy.Noise;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/// One connection of an organisation to its federation: from the logs' beginning to the first failure of
/// the broker. It reads `control`, lets the protocol's machine decide, and does what it says.
///
/// Used by one thread; training has a thread of its own.
final class Session implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(100);
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final int DETAIL = 200;

    /// A version that is here, and its digest, which was checked when it came.
    private record Held(ModelVersion version, Bytes digest) {}

    /// A round that has closed without this organisation.
    ///
    /// @param since no chunk of the version that it made is older
    private record Behind(RoundOpened opened, RoundClosed closed, Instant since) {}

    private final Organisation my;
    private final Topics topics;
    private final ExecutorService trainer;
    private final Consumer<byte[], byte[]> reader;
    private final Logs logs;
    private final Outbox outbox;
    private final Controls controls;
    private final Models models;
    private final List<Instant> taken = new ArrayList<>();
    private Peers peers;
    private Policy policy;
    private PrivacyLedger ledger;
    private Directory directory;
    private Member member;
    private MemberState state = new MemberState.Idle(Chain.START);
    private Optional<Held> held = Optional.empty();
    private Optional<RoundOpened> plan = Optional.empty();
    private Optional<RoundOpened> current = Optional.empty();
    private Optional<Behind> behind = Optional.empty();
    private Instant opened = Instant.EPOCH;
    private List<String> survivors = List.of();
    private final List<byte[]> traceHeaders = new ArrayList<>();
    private final Disputes disputes = new Disputes();
    private Optional<CompletableFuture<LocalUpdate>> working = Optional.empty();
    private volatile boolean cancelled;
    private Optional<String> otherProtocol = Optional.empty();
    private Registry registry = Registry.START;
    private Standing standing = new Standing(Standing.State.ACTIVE, "");
    private @Nullable FileTime peersRead;
    private @Nullable FileTime liftRead;
    private long controlBytes;

    /// Connects, and takes over from any earlier process of the organisation.
    Session(Organisation organisation, KafkaClients kafka, ExecutorService trainer) throws IOException, InvalidFile {
        this.my = organisation;
        this.topics = my.membership().topics();
        this.trainer = trainer;
        this.peers = Peers.read(my.home());
        this.policy = Policy.read(my.home().policy());
        this.ledger = PrivacyLedger.read(my.home());
        this.directory = peers.directory(my.membership());
        this.member = member();
        String id = my.membership().organisation();
        this.reader = kafka.reader(PATIENCE);
        this.logs = new Logs(
                kafka.reader(PATIENCE),
                topics,
                (topic, e) -> my.events().error("peer", topic + ": a record is refused: " + e.getMessage()));
        this.models = new Models(my, logs);
        this.controls = new Controls(my.home().controls());
        this.outbox =
                new Outbox(kafka.writer(topics.memberTransactionalId(id), PATIENCE), topics, id, my.spans()::header);
    }

    private Member member() {
        MemberRules rules = new MemberRules(
                peers.pinned().keySet(),
                policy.smallestCohort(),
                policy.minSurvivors(),
                policy.maxColluders(),
                this::refuses);
        return new Member(
                my.primitives(),
                my.identity(),
                my.deliverySeed(),
                my.drawSalt(),
                directory,
                rules,
                my.randomness(),
                my.journal(),
                Runtime.getRuntime().availableProcessors());
    }

    /// Whether a session is to end.
    @FunctionalInterface
    interface Over {
        boolean now() throws IOException;
    }

    /// Takes part until the thread is interrupted, or `over` says so between two attempts.
    ///
    /// @throws Failed if the log is not the one that it took part in, or goes on in another version of the protocol
    void run(Over over) throws IOException, InvalidFile, InterruptedException, Failed {
        tellPeers();
        List<ConsumerRecord<byte[], byte[]>> history = logs.control();
        int open = openAttempt(history);
        Rebuild rebuild = new Rebuild(my.journal(), own());
        rebuild.lifts();
        for (int i = 0; i < history.size(); i++) {
            rebuild.before(history.get(i), state.chain());
            take(history.get(i), i >= open);
            requireSpoken();
        }
        if (rebuild.restored() > 0) {
            my.events()
                    .error(
                            "journal",
                            "it lacked " + rebuild.restored()
                                    + " messages that this organisation had sent: its disk was"
                                    + " lost or set back; they are in it again");
        }
        requireWhole();
        sitOut();
        TopicPartition control = new TopicPartition(topics.control(), 0);
        TopicPartition registries = new TopicPartition(topics.registry(), 0);
        reader.assign(List.of(control, registries));
        reader.seek(control, history.isEmpty() ? 0 : history.getLast().offset() + 1);
        reader.seekToBeginning(List.of(registries));
        my.events()
                .tell(my.events()
                        .event("ready")
                        .put("organisation", my.membership().organisation()));
        while (!Thread.interrupted()) {
            for (ConsumerRecord<byte[], byte[]> record : reader.poll(POLL)) {
                if (record.topic().equals(topics.registry())) {
                    enter(record);
                } else {
                    take(record, true);
                    requireSpoken();
                }
            }
            if (reader.currentLag(registries).orElse(1) == 0) {
                tellStanding();
            }
            trained();
            catchUp();
            tellPeers();
            lift();
            if (state instanceof MemberState.Idle && over.now()) {
                return;
            }
        }
        throw new InterruptedException();
    }

    @Override
    public void close() {
        cancelled = true;
        state.close();
        outbox.close();
        reader.close();
        logs.close();
    }

    /// The log must reach as far as what this organisation has from it.
    ///
    /// @throws Failed if it does not
    private void requireWhole() throws IOException, InvalidFile, Failed {
        Chain chain = state.chain();
        long versions = chain.closed() && !chain.open() ? chain.round() + 1 : chain.round();
        long own = my.versions().last().map(Versions.Description::version).orElse(0L);
        if (own > versions) {
            throw new Failed("control ends before round " + (own - 1) + ", in which version " + own
                    + " was made, which this organisation has: the broker has lost its disk or a part of it, or this"
                    + " is another federation's");
        }
    }

    /// A log that goes on in another version of the protocol cannot be followed.
    ///
    /// @throws Failed if it does
    private void requireSpoken() throws Failed {
        if (otherProtocol.isPresent()) {
            throw new Failed(otherProtocol.get());
        }
    }

    /// What this organisation has said in rounds, as the log has it.
    private List<Envelope> own() {
        List<Envelope> own = new ArrayList<>();
        String id = my.membership().organisation();
        for (Envelope envelope : logs.inbox(id, Instant.EPOCH)) {
            try {
                var _ = directory.verify(my.primitives(), envelope, envelope.transcript());
                if (envelope.sender().equals(id)) {
                    own.add(envelope);
                }
            } catch (PeerMisbehaved e) {
                // Not said by it: an older identity of the organisation.
            }
        }
        return own;
    }

    /// Where in the history the attempt begins that has not ended, or its size.
    private static int openAttempt(List<ConsumerRecord<byte[], byte[]>> history) {
        int open = history.size();
        for (int i = 0; i < history.size(); i++) {
            try {
                switch (Envelope.decode(Bytes.of(history.get(i).value())).type()) {
                    case ROUND_OPENED -> open = i;
                    case ROUND_CLOSED, ROUND_ABORTED -> open = history.size();
                    default -> {}
                }
            } catch (MalformedMessage e) {
                // take() says so.
            }
        }
        return open;
    }

    /// Tells the others, when it begins and whenever `peers.json` changes, whom this organisation
    /// approved.
    private void tellPeers() throws IOException, InvalidFile {
        FileTime changed = Files.getLastModifiedTime(my.home().peers());
        if (!changed.equals(peersRead)) {
            peersRead = changed;
            Peers now = Peers.read(my.home());
            outbox.introduce("peers", my.identity().sign(now.message(), Bytes.fromHex(now.registryHead())));
        }
    }

    /// What the registry says next of its members.
    private void enter(ConsumerRecord<byte[], byte[]> record) {
        if (record.value() == null) {
            return;
        }
        try {
            registry = registry.next(my.primitives(), directory, Envelope.decode(Bytes.of(record.value())));
        } catch (MalformedMessage | PeerMisbehaved e) {
            my.events().error("registry", "a record is refused: " + e.getMessage());
        }
    }

    /// That the consortium suspends or resumes this organisation. What ends a membership, the broker says.
    private void tellStanding() {
        Standing now = Standing.of(registry, my.membership());
        if (now.equals(standing)) {
            return;
        }
        if (now.state() == Standing.State.SUSPENDED) {
            my.events().error("suspended", now.reason());
        } else if (standing.state() == Standing.State.SUSPENDED) {
            my.events().tell(my.events().event(Status.RESUMED));
        }
        standing = now;
    }

    /// What `sotto lift` asks for, once.
    private void lift() throws IOException, InvalidFile {
        if (!Files.exists(my.home().lift())) {
            return;
        }
        FileTime changed = Files.getLastModifiedTime(my.home().lift());
        if (!changed.equals(liftRead)) {
            liftRead = changed;
            step(new MemberInput.Lift(
                    Home.readJson(my.home().lift(), Lift.class).message()));
        }
    }

    /// A restarted member whose secrets are gone says so, and nobody waits for it.
    private void sitOut() {
        Chain chain = state.chain();
        if (!chain.open() || !(state instanceof MemberState.Bystander)) {
            return;
        }
        List<Envelope> signed = my.journal().signed(chain.round(), chain.attempt());
        boolean deliveredOrDeclined = signed.stream()
                .anyMatch(envelope -> envelope.type() == MessageType.UPDATE_MANIFEST
                        || envelope.type() == MessageType.ROUND_DECLINED);
        if (!signed.isEmpty() && !deliveredOrDeclined) {
            Envelope declined = my.identity()
                    .sign(
                            new RoundDeclined("RESTARTED", "the secrets of this attempt died with the process"),
                            chain.head());
            my.journal().recordSigned(chain.round(), chain.attempt(), declined);
            outbox.say(key(MessageType.ROUND_DECLINED), declined);
            my.events().phase("declined", chain.round(), chain.attempt());
        }
    }

    // ---- what the coordinator says ----

    private void take(ConsumerRecord<byte[], byte[]> record, boolean inTime) throws IOException, InvalidFile {
        if (record.value() == null) {
            return;
        }
        controlBytes += record.value().length;
        Envelope envelope;
        try {
            envelope = Envelope.decode(Bytes.given(record.value()));
            if (envelope.type() == MessageType.MODEL_KEYS) {
                models.remember(envelope, directory);
                return;
            }
        } catch (MalformedMessage | PeerMisbehaved e) {
            my.events().error("control", "a record is refused: " + e.getMessage());
            return;
        }
        if (envelope.type() == MessageType.ROUND_OPENED && !state.chain().open()) {
            opened = Instant.ofEpochMilli(record.timestamp());
            traceHeaders.clear();
            record.headers()
                    .headers(RoundSpans.HEADER)
                    .forEach(header -> Optional.ofNullable(header.value()).ifPresent(traceHeaders::add));
            readAgain();
        }
        List<Envelope> dealt =
                inTime && envelope.type() == MessageType.SHARES_ROUTED && state instanceof MemberState.Dealt waiting
                        ? logs.inboxes(waiting.roster().ids(), Set.of(MessageType.SHARES_DEALT), opened)
                        : List.of();
        Chain before = state.chain();
        step(inTime ? new MemberInput.Read(envelope, dealt) : new MemberInput.Missed(envelope));
        if (!state.chain().equals(before)) {
            folded(envelope);
        }
    }

    /// What a message of the coordinator means to this organisation whether or not it took part to the end:
    /// an attempt counts as a round of the day, and c_k follows the survivors.
    private void folded(Envelope envelope) throws IOException {
        Chain chain = state.chain();
        try {
            switch (Message.parse(envelope.type(), envelope.payload())) {
                case RoundOpened round -> {
                    survivors = List.of();
                    current = Optional.of(round);
                    disputes.opened(round);
                    if (!my.journal().signed(chain.round(), chain.attempt()).isEmpty()) {
                        taken.add(opened);
                    }
                }
                case SurvivorsSealed sealed ->
                    survivors = sealed.survivors().stream()
                            .map(NamedHash::organisation)
                            .toList();
                case RoundClosed closed -> {
                    controls.ended(
                            chain.round(),
                            chain.attempt(),
                            survivors.contains(my.membership().organisation()));
                    disputes.closed(
                            closed,
                            my.journal()
                                    .signed(chain.round(), chain.attempt(), MessageType.DISPUTED)
                                    .isPresent());
                }
                case RoundAborted _ -> controls.ended(chain.round(), chain.attempt(), false);
                default -> {}
            }
        } catch (MalformedMessage e) {
            throw new IllegalStateException("the machine parsed it", e);
        }
    }

    /// Whom it trusts and what it demands may have changed since the last attempt.
    private void readAgain() throws IOException, InvalidFile {
        peers = Peers.read(my.home());
        policy = Policy.read(my.home().policy());
        directory = peers.directory(my.membership());
        member = member();
    }

    private void step(MemberInput input) throws IOException {
        MemberState.Transition next = member.step(state, input);
        state = next.state();
        if (!(state instanceof MemberState.Training)) {
            cancelled = true;
        }
        Chain chain = state.chain();
        for (MemberOutput output : next.outputs()) {
            switch (output) {
                case MemberOutput.Publish publish -> {
                    outbox.say(key(publish.envelope().type()), publish.envelope());
                    my.events().phase(phase(publish.envelope().type()), chain.round(), chain.attempt());
                    traced(publish.envelope().type());
                }
                case MemberOutput.Train train ->
                    train(train.routed().roster().opened().message());
                case MemberOutput.SendSpool _ -> {
                    long before = outbox.bytes();
                    outbox.send(chain.round() + "/" + chain.attempt(), spool());
                    my.spans().sent(outbox.bytes() - before);
                    my.spans().phase("confirmation");
                    my.events().phase("manifest-sent", chain.round(), chain.attempt());
                }
                case MemberOutput.DeleteSpool _ -> spool().delete();
                case MemberOutput.NotLifted notLifted -> my.events().error("not-lifted", notLifted.why());
                case MemberOutput.Refused refused -> {
                    String why = String.valueOf(refused.fault().getMessage());
                    my.events().error(refused.fault().reason().name(), why);
                    if (refused.fault().reason() == Refusal.OTHER_PROTOCOL) {
                        otherProtocol = Optional.of(why);
                    }
                }
                case MemberOutput.Closed closed -> closed(closed);
                case MemberOutput.Aborted aborted -> {
                    my.spans().ended(false);
                    my.events()
                            .tell(my.events()
                                    .event("phase")
                                    .put("phase", "aborted")
                                    .put("round", chain.round())
                                    .put("attempt", chain.attempt())
                                    .put("reason", aborted.reason())
                                    .put("detail", aborted.detail()));
                }
            }
        }
        if (state instanceof MemberState.Bystander bystander
                && input instanceof MemberInput.Read read
                && read.envelope().type() == MessageType.ROUND_OPENED) {
            my.events()
                    .tell(my.events()
                            .event("phase")
                            .put("phase", "left-out")
                            .put("round", chain.round())
                            .put("attempt", chain.attempt())
                            .put("detail", bystander.why()));
        }
    }

    /// What begins when that has been said.
    private void traced(MessageType said) {
        switch (said) {
            case KEYS_ADVERTISED -> my.spans().phase("keys");
            case SHARES_DEALT -> my.spans().phase("shares");
            case UPDATE_MANIFEST -> my.spans().phase("sending");
            case SURVIVORS_CONFIRMED -> my.spans().phase("reveal");
            case SHARES_REVEALED -> my.spans().phase("closing");
            case ROUND_DECLINED -> my.spans().ended(false);
            default -> {}
        }
    }

    private FileSpool spool() throws IOException {
        return new FileSpool(
                my.home().spool(), state.chain().round(), state.chain().attempt());
    }

    private String key(MessageType type) {
        return state.chain().round() + "/" + state.chain().attempt() + "/" + type.wireName();
    }

    private static String phase(MessageType type) {
        return switch (type) {
            case KEYS_ADVERTISED -> "keys-advertised";
            case SHARES_DEALT -> "shares-dealt";
            case UPDATE_MANIFEST -> "masked";
            case SURVIVORS_CONFIRMED -> "confirmed";
            case SHARES_REVEALED -> "shares-revealed";
            case ROUND_DECLINED -> "declined";
            default -> type.wireName().toLowerCase(Locale.ROOT);
        };
    }

    // ---- a round's terms ----

    /// Why this organisation will not take part in a round, or nothing; fetches the version that it
    /// starts from.
    private Optional<String> refuses(RoundOpened round) {
        my.spans().opened(traceHeaders, round.round(), round.attempt(), "checking");
        TrainingPlan wanted = round.plan();
        Optional<String> forbidden = disputes.refuses(round)
                .or(() -> policy.refuses(round, my.baseModel(), my.training().examples(), opened, taken));
        if (forbidden.isPresent()) {
            return forbidden;
        }
        ServerOptimizer optimizer;
        VectorLayout layout;
        try {
            optimizer = ServerOptimizer.of(wanted.algorithm());
            layout = adapter(wanted, optimizer);
        } catch (IllegalArgumentException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
        LoraMode mode = LoraMode.of(wanted.loraMode());
        if ((mode == LoraMode.ROLORA || mode == LoraMode.MIXED) && optimizer.hasControl()) {
            return Optional.of("LoRA mode " + wanted.loraMode() + " does not go with algorithm " + wanted.algorithm());
        }
        if ((optimizer == ServerOptimizer.FEDPROX) != (wanted.proximalMu() > 0)) {
            return Optional.of("proximalMu is " + wanted.proximalMu() + " with algorithm " + wanted.algorithm()
                    + "; fedprox needs one above 0, every other algorithm 0");
        }
        Optional<String> impossible = my.training().refuses(wanted);
        if (impossible.isPresent()) {
            return impossible;
        }
        Optional<String> overspent = overspent(round);
        if (overspent.isPresent()) {
            return overspent;
        }
        Optional<String> missing = fetch(round, layout, optimizer);
        if (missing.isPresent()) {
            return missing;
        }
        Optional<String> differs =
                ServerSide.differs(round, layout, optimizer, held.orElseThrow().version());
        if (differs.isPresent()) {
            return differs;
        }
        plan = Optional.of(round);
        my.events().phase("opened", round.round(), round.attempt());
        return Optional.empty();
    }

    /// What an adapter is by such a plan, ranges open.
    ///
    /// @throws IllegalArgumentException if the plan cannot be followed
    private VectorLayout adapter(TrainingPlan wanted, ServerOptimizer optimizer) {
        VectorLayout adapter = Layouts.adapter(
                LoraMode.of(wanted.loraMode()),
                Plans.lora(wanted),
                my.training().config());
        return new VectorLayout(LocalUpdate.ADAPTER, optimizer.weighted(), adapter.tensors());
    }

    private Optional<String> overspent(RoundOpened round) {
        if (policy.privacy().isEmpty()) {
            return Optional.empty();
        }
        try {
            Policy.Privacy privacy = policy.privacy().get();
            return ledger.refuses(privacy, my.training().cost(round, privacy));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Optional<String> fetch(RoundOpened round, VectorLayout layout, ServerOptimizer optimizer) {
        if (isHere(round.adapterVersion(), round.adapterDigest())) {
            return Optional.empty();
        }
        try {
            ModelVersion found = round.adapterVersion() == 0
                    ? ServerSide.first(Bytes.fromHex(my.membership().publicSeed()), layout, optimizer)
                    : models.download(round.adapterVersion(), round.adapterDigest(), layout, Instant.EPOCH);
            if (round.adapterVersion() == 0
                    && !found.digest(my.membership().federation()).equals(round.adapterDigest())) {
                return Optional.of("version 0 is not the one that follows from the public seed");
            }
            hold(new Held(found, round.adapterDigest()), round, false);
            return Optional.empty();
        } catch (MalformedMessage e) {
            return Optional.of(text(e));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void hold(Held next, RoundOpened round, boolean recomputed) throws IOException {
        held = Optional.of(next);
        ModelVersion made = next.version();
        my.versions()
                .write(made.version(), next.digest().hex(), my.baseModel(), round.plan(), recomputed, made.adapter());
    }

    private boolean isHere(long number, Bytes digest) {
        return held.filter(here ->
                        here.version().version() == number && here.digest().equals(digest))
                .isPresent();
    }

    // ---- training ----

    private void train(RoundOpened round) throws IOException {
        cancelled = false;
        ModelVersion start = held.orElseThrow().version();
        Bytes publicSeed = Bytes.fromHex(my.membership().publicSeed());
        Optional<float[]> ownControl = controls.own(start.adapter().length);
        Optional<DpSgd> privacy = privacy(round);
        int rank = policy.rank(round.plan());
        my.events().phase("training", round.round(), round.attempt());
        my.spans().phase("training");
        working = Optional.of(CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return my.training().train(round, publicSeed, start, rank, ownControl, privacy, step -> {
                            my.events()
                                    .tell(my.events()
                                            .event("progress")
                                            .put("round", round.round())
                                            .put("step", step.number())
                                            .put("steps", step.of())
                                            .put("loss", step.loss()));
                            return !cancelled;
                        });
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    } finally {
                        privacy.ifPresent(DpSgd::close);
                    }
                },
                trainer));
    }

    /// Charges the training before it begins: whatever becomes of it counts.
    private Optional<DpSgd> privacy(RoundOpened round) throws IOException {
        if (policy.privacy().isEmpty()) {
            return Optional.empty();
        }
        Policy.Privacy privacy = policy.privacy().get();
        ledger = ledger.charge(my.home(), my.training().cost(round, privacy));
        my.events()
                .tell(my.events()
                        .event("privacy")
                        .put("round", round.round())
                        .put("attempt", round.attempt())
                        .put("epsilon", ledger.epsilon(privacy.delta()))
                        .put("delta", privacy.delta())
                        .put("mostEpsilon", privacy.mostEpsilon()));
        byte[] key = new byte[32];
        my.randomness().fill(key);
        return Optional.of(new DpSgd(privacy.clipNorm(), privacy.noiseMultiplier(), new Noise(key)));
    }

    private void trained() throws IOException {
        if (working.isEmpty() || !working.get().isDone()) {
            return;
        }
        CompletableFuture<LocalUpdate> done = working.get();
        working = Optional.empty();
        if (!(state instanceof MemberState.Training)) {
            return;
        }
        RoundOpened round = plan.orElseThrow();
        LocalUpdate result;
        try {
            result = done.join();
        } catch (CompletionException e) {
            String why = String.valueOf(e.getCause() == null ? e : e.getCause());
            my.events().error("training", why);
            step(new MemberInput.GaveUp("TRAINING_FAILED", "see this organisation's own log"));
            return;
        }
        int weight = weight(round);
        if (my.keepPlain()) {
            keep(round, Objects.requireNonNull(result.vectors().get(LocalUpdate.ADAPTER)), weight);
        }
        if (result.nextControl().isPresent()) {
            controls.pend(round.round(), round.attempt(), result.nextControl().get());
        }
        my.events()
                .tell(my.events()
                        .event("phase")
                        .put("phase", "trained")
                        .put("round", round.round())
                        .put("attempt", round.attempt())
                        .put("loss", result.meanLoss()));
        my.spans().phase("masking");
        // With differential privacy nothing leaves that is not private: loss and tokens are said to be 0.
        boolean told = policy.privacy().isEmpty();
        Update update = new Update(
                result.vectors(),
                weight,
                told ? result.meanLoss() : 0,
                my.training().examples(),
                told ? result.tokens() : 0,
                policy.rank(round.plan()));
        step(new MemberInput.Trained(update, spool()));
    }

    private int weight(RoundOpened round) {
        Weighting weighting = Weighting.of(round.weighting());
        int own = weighting.weight(my.training().examples(), round.weightCap());
        Optional<Totals> last = held.orElseThrow().version().header().made().map(ModelHeader.Made::totals);
        if (weighting == Weighting.UNIFORM || last.isEmpty()) {
            return own;
        }
        long most = (long) Math.floor(policy.largestShare() * last.get().weight());
        return (int) Math.max(1, Math.min(own, most));
    }

    private void keep(RoundOpened round, float[] delta, int weight) throws IOException {
        String name = "round-" + round.round() + "-attempt-" + round.attempt();
        Versions.writeFloats(my.home().plain().resolve(name + ".f32"), delta);
        VectorLayout vector = round.layout().getFirst();
        Map<String, Object> description = new TreeMap<>(Map.of(
                "round", round.round(),
                "attempt", round.attempt(),
                "weight", weight,
                "weighted", vector.weighted(),
                "weightCap", round.weightCap(),
                "ringBits", round.ringBits(),
                "quotient",
                        FixedPoint.quotient(
                                Ring.of(round.ringBits()), round.cohort().size()),
                "tensors",
                        vector.tensors().stream()
                                .map(tensor ->
                                        Map.of("name", tensor.name(), "length", tensor.size(), "range", tensor.range()))
                                .toList()));
        Home.writeJson(my.home().plain().resolve(name + ".json"), description);
    }

    // ---- the end of a round ----

    private void closed(MemberOutput.Closed closed) throws IOException {
        Chain chain = state.chain();
        behind = Optional.empty();
        if (closed.unmasking().isEmpty() || plan.isEmpty()) {
            closed.roundSeed().ifPresent(Secret::close);
            if (my.journal()
                    .signed(chain.round(), chain.attempt(), MessageType.DISPUTED)
                    .isEmpty()) {
                behind = current.map(round -> new Behind(round, closed.message(), opened));
            }
            return;
        }
        my.events().phase("closed", chain.round(), chain.attempt());
        my.spans().phase("verification");
        RoundOpened round = plan.get();
        ModelVersion before = held.orElseThrow().version();
        Optional<Sample> sample = policy.sample(round, outbox.partitions(), my.randomness());
        try {
            Bytes digest = closed.message().modelDigest();
            ModelVersion next = models.download(
                    closed.message().version(), digest, round.layout().getFirst(), opened);
            if (sample.isPresent()) {
                recompute(closed, closed.unmasking().get(), sample.get(), before, next, round);
            }
            has(new Held(next, digest), round, "verified", policy.verify());
            my.spans().ended(true);
        } catch (PeerMisbehaved e) {
            // refuses() declines a round that starts from it.
            my.events().error("not-verified", text(e));
            step(new MemberInput.Dispute(e));
        } catch (MalformedMessage e) {
            my.events().error("not-verified", text(e));
        } finally {
            closed.roundSeed().ifPresent(Secret::close);
        }
        my.spans().ended(false);
        my.events().tell(my.events().event("bytes").put("up", outbox.bytes()).put("down", controlBytes + logs.bytes()));
    }

    /// Who took no part in a round gets the version that the others made too. Its digest is signed; nothing of it
    /// is recomputed here.
    private void catchUp() throws IOException {
        if (behind.isEmpty()) {
            return;
        }
        RoundOpened round = behind.get().opened();
        RoundClosed closed = behind.get().closed();
        Instant since = behind.get().since();
        behind = Optional.empty();
        if (isHere(closed.version(), closed.modelDigest())) {
            return;
        }
        try {
            VectorLayout layout =
                    adapter(round.plan(), ServerOptimizer.of(round.plan().algorithm()));
            ModelVersion next = models.download(closed.version(), closed.modelDigest(), layout, since);
            has(new Held(next, closed.modelDigest()), round, "received", Policy.NEVER);
        } catch (IllegalArgumentException | MalformedMessage e) {
            my.events().error("not-received", text(e));
        }
    }

    /// @param recomputed how much of it, in the policy's words
    private void has(Held next, RoundOpened round, String phase, String recomputed) throws IOException {
        hold(next, round, !recomputed.equals(Policy.NEVER));
        ObjectNode event = my.events()
                .event("phase")
                .put("phase", phase)
                .put("round", round.round())
                .put("attempt", round.attempt())
                .put("version", next.version().version())
                .put("digest", next.digest().hex())
                .put("recomputed", recomputed);
        next.version()
                .header()
                .made()
                .ifPresent(made -> event.put("meanLoss", made.totals().meanLoss()));
        my.events().tell(event);
    }

    private void recompute(
            MemberOutput.Closed closed,
            Unmasking unmasking,
            Sample sample,
            ModelVersion before,
            ModelVersion next,
            RoundOpened round)
            throws PeerMisbehaved, MalformedMessage {
        Secret seed = closed.roundSeed().orElse(null);
        if (seed == null) {
            throw new MalformedMessage("the coordinator did not give this organisation the round key's seed");
        }
        ServerOptimizer optimizer = ServerOptimizer.of(round.plan().algorithm());
        int members = optimizer.hasControl() ? members(round.registryHead()) : 0;
        List<String> roster = unmasking.survivors().routed().ids();
        List<Envelope> said = logs.inboxes(
                roster,
                Set.of(MessageType.SHARES_DEALT, MessageType.UPDATE_MANIFEST, MessageType.SHARES_REVEALED),
                opened);
        Recomputation.check(
                my.primitives(),
                directory,
                unmasking,
                seed,
                said,
                logs.chunks(unmasking.survivors().ids(), round, sample, opened, Instant.MAX),
                sample,
                before,
                next,
                ServerSide.step(optimizer, members),
                closed.message());
    }

    /// N: how many members the registry had at that head.
    private int members(Bytes head) throws PeerMisbehaved, MalformedMessage {
        Registry registry = Registry.START;
        for (Envelope entry : logs.registry()) {
            if (registry.head().equals(head)) {
                break;
            }
            registry = registry.next(my.primitives(), directory, entry);
        }
        if (!registry.head().equals(head)) {
            throw new MalformedMessage("the registry has no head " + head.hex() + ", which the round names");
        }
        return registry.members().size();
    }

    private static String text(Exception e) {
        String message = String.valueOf(e.getMessage());
        return message.substring(0, Math.min(message.length(), DETAIL));
    }
}
