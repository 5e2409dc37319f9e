package dev.sotto.coordinator.director;

import dev.sotto.coordinator.enrolment.Enrolment;
import dev.sotto.coordinator.kafka.KafkaClients;
import dev.sotto.coordinator.kafka.Writer;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.secagg.Chain;
import dev.sotto.crypto.secagg.Director;
import dev.sotto.crypto.secagg.DirectorState;
import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.crypto.secagg.DirectorState.Output;
import dev.sotto.crypto.secagg.DirectorState.Phase;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.Manifest;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.crypto.secagg.Refusal;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.crypto.secagg.Routed;
import dev.sotto.crypto.secagg.UnmaskedSum;
import dev.sotto.crypto.secagg.Unmasker;
import dev.sotto.crypto.secagg.Unmasking;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Decided;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.ModelKeys;
import dev.sotto.schemas.PeersApproved;
import dev.sotto.schemas.RegistryEntry;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundDeclined;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.Topics;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jboss.logging.Logger;

/// Directs the rounds of a federation. Everything it knows is a fold over Kafka: `registry`, what it
/// decided (`leader`), what it said (`control`), the inboxes, and `models`. Killed at any point, it goes
/// on where the logs end.
///
/// No deadline passes (`ends` of the phase) before it has heard what members said while nobody directed, or while it
/// was held up itself: an answer that is in the log counts.
///
/// One thread does everything that touches state; methods may be called from any thread. What cannot be
/// handled ends it (`fatal`), since a new one starts from the logs.
public final class RoundDirector implements Enrolment.RegistryWriter, AutoCloseable {
    private static final Logger LOG = Logger.getLogger(RoundDirector.class);
    private static final Duration TICK = Duration.ofMillis(100);
    private static final Duration ALIVE = Duration.ofSeconds(10);
    /// Without a tick for that long, others may have said what it has not heard.
    private static final Duration HELD_UP = Duration.ofSeconds(1);
    private static final Duration BACK_OFF = Duration.ofSeconds(2);
    private static final int MOST_BACK_OFFS = 15;
    private static final int FEWEST = 3;

    private final Settings settings;
    private final Topics topics;
    private final KafkaClients kafka;
    private final Writer writer;
    private final Secrets secrets;
    private final Primitives primitives;
    private final Randomness randomness;
    private final Clock clock;
    private final Consumer<Throwable> fatal;
    private final Recipe recipe;
    private final Versions versions;
    private final Board board = new Board();
    private final Inboxes inboxes;
    private final Aggregator aggregator;
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("director").factory());

    // Below: used on the director's thread only, but for what is volatile.
    private final Map<Bytes, Registry> registries = new HashMap<>();
    private final Map<String, Integer> generations = new HashMap<>();
    private final Map<String, PeersApproved> approvals = new TreeMap<>();
    private final Set<Bytes> said = new HashSet<>();
    private volatile Registry registry = Registry.START;
    private DirectorState state = DirectorState.START;
    private Director machine;
    private Directory directory;
    private Instant opened = Instant.MAX;
    private Instant notBefore = Instant.MIN;
    private Duration brokerAhead = Duration.ZERO;
    private boolean following;
    private boolean caughtUp;
    private Optional<Unmasker> unmasking = Optional.empty();
    private final AtomicBoolean stopped = new AtomicBoolean();
    private volatile Instant lastTick = Instant.MIN;

    /// Starts nothing yet.
    ///
    /// @param writer has taken over from any earlier one, so that the logs end; stays the caller's to close
    /// @param fatal  gets what cannot be handled; the caller then closes this director
    public RoundDirector(
            Settings settings,
            KafkaClients kafka,
            Writer writer,
            Secrets secrets,
            Primitives primitives,
            Randomness randomness,
            Clock clock,
            Consumer<Throwable> fatal) {
        this.settings = settings;
        this.topics = settings.topics();
        this.kafka = kafka;
        this.writer = writer;
        this.secrets = secrets;
        this.primitives = primitives;
        this.randomness = randomness;
        this.clock = clock;
        this.fatal = fatal;
        this.recipe = new Recipe(settings);
        this.versions = new Versions(settings, secrets, primitives, randomness, recipe.firstVersion());
        registries.put(registry.head(), registry);
        this.directory =
                registry.directory(settings.federation(), secrets.identity().key());
        this.machine = machine(directory);
        this.inboxes = new Inboxes(topics, kafka::reader, new Heard());
        this.aggregator = new Aggregator(primitives, topics, settings.partitions(), kafka::reader, new Chunks());
    }

    private Director machine(Directory of) {
        return new Director(
                primitives, secrets.identity(), of, secrets.roundSecret(), randomness, settings.stragglerGrace());
    }

    // ---- from outside ----

    /// Folds the logs; returns when they are folded, and goes on.
    ///
    /// @throws NotDirecting if that failed, for the reason that `fatal` got
    public void start() {
        on(() -> {
            fold();
            aggregator.start();
            inboxes.start(registry.members().keySet());
            return true;
        });
        var _ = thread.scheduleWithFixedDelay(
                () -> later(this::tick), TICK.toMillis(), TICK.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public Registry registry() {
        return registry;
    }

    @Override
    public int generation(String organisation) {
        return on(() -> generations.getOrDefault(organisation, 0));
    }

    @Override
    public void append(RegistryEntry entry) {
        on(() -> {
            Envelope envelope = secrets.identity().sign(entry, registry.head());
            RegistryEntry.Enrolled before = registry.members().get(entry.organisation());
            enter(envelope, now());
            write(topics.registry(), entry.organisation(), envelope.encode());
            if (entry instanceof RegistryEntry.Enrolled enrolled
                    && before != null
                    && before.generation() == enrolled.generation()) {
                LOG.infof("%s has a new certificate", enrolled.organisation());
            } else if (entry instanceof RegistryEntry.Enrolled enrolled) {
                inboxes.follow(enrolled.organisation());
                LOG.infof("%s enrolled, generation %d", enrolled.organisation(), enrolled.generation());
            } else {
                LOG.infof("%s is revoked", entry.organisation());
            }
            return true;
        });
    }

    /// Whether the logs are folded and time passes.
    public boolean isReady() {
        return lastTick.isAfter(Instant.MIN) && clock.instant().isBefore(lastTick.plus(ALIVE));
    }

    /// What an operator sees.
    public Board board() {
        return board;
    }

    /// Who is and was a member.
    public List<Member> members() {
        return Member.of(registry, board);
    }

    private final class Heard implements Inboxes.Listener {
        @Override
        public void said(ConsumerRecord<byte[], byte[]> record) {
            on(() -> {
                take(record);
                return true;
            });
        }

        @Override
        public void heard() {
            // Every manifest that is there is followed by now.
            aggregator.caughtUp(() -> later(() -> {
                caughtUp = true;
                lastTick = clock.instant();
            }));
        }

        @Override
        public void failed(Throwable cause) {
            fail(cause);
        }
    }

    private final class Chunks implements Aggregator.Listener {
        @Override
        public void delivered(String organisation, Bytes manifestHash) {
            later(() -> {
                board.delivered(organisation);
                step(new Input.Delivered(organisation, manifestHash), now());
            });
        }

        @Override
        public void received(String organisation, long bytes) {
            board.bytesUp(bytes);
        }

        @Override
        public void failed(Throwable cause) {
            fail(cause);
        }
    }

    /// Ends it wherever it is: what it has not committed did not happen. Returns when its threads have stopped, or
    /// after some seconds.
    @Override
    public void close() {
        stopped.set(true);
        for (Runnable waiting : thread.shutdownNow()) {
            if (waiting instanceof Future<?> future) {
                boolean _ = future.cancel(false);
            }
        }
        inboxes.close();
        aggregator.close();
        try {
            boolean _ = thread.awaitTermination(2, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        unmasking.ifPresent(Unmasker::close);
    }

    private <T> T on(Callable<T> task) {
        try {
            return thread.submit(() -> {
                        if (stopped.get()) {
                            throw new CancellationException();
                        }
                        return task.call();
                    })
                    .get();
        } catch (RejectedExecutionException | CancellationException e) {
            throw new NotDirecting(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new NotDirecting(e);
        } catch (ExecutionException e) {
            Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
            fail(cause);
            throw new NotDirecting(cause);
        }
    }

    private void later(Runnable task) {
        try {
            thread.execute(() -> {
                try {
                    if (!stopped.get()) {
                        task.run();
                    }
                } catch (RuntimeException e) {
                    fail(e);
                }
            });
        } catch (RejectedExecutionException e) {
            // Closed: whoever directs next sees to it.
        }
    }

    /// Nothing is done after the first failure.
    private void fail(Throwable cause) {
        if (!stopped.getAndSet(true)) {
            fatal.accept(cause);
        }
    }

    // ---- the fold ----

    private void fold() throws MalformedMessage {
        for (ConsumerRecord<byte[], byte[]> record : kafka.readToEnd(topics.registry(), 1)) {
            enter(Envelope.decode(Bytes.of(record.value())), Instant.ofEpochMilli(record.timestamp()));
        }
        for (ConsumerRecord<byte[], byte[]> record : kafka.readToEnd(topics.control(), 1)) {
            Envelope envelope = Envelope.decode(Bytes.of(record.value()));
            said.add(Enc.sha256(envelope.encode()));
            if (envelope.type() == MessageType.MODEL_KEYS) {
                versions.given(ModelKeys.parse(envelope.payload()));
            }
        }
        List<ConsumerRecord<byte[], byte[]>> log = kafka.readToEnd(topics.leader(), 1);
        int open = openAttempt(log);
        for (int i = 0; i < log.size(); i++) {
            Decided decided = Decided.parse(Bytes.of(log.get(i).value()));
            Instant at = Instant.ofEpochMilli(log.get(i).timestamp());
            if (i > open && decided.type() == MessageType.SHARES_ROUTED) {
                feedShares();
            }
            step(i < open ? new Input.Ended(decided) : new Input.Decision(decided), at);
        }
        following = true;
        findVersion();
        Chain chain = state.chain();
        LOG.infof(
                "%d members, %d decisions in the log; %s",
                registry.members().size(),
                log.size(),
                log.isEmpty()
                        ? "no round yet"
                        : "round " + chain.round() + " attempt " + chain.attempt()
                                + (chain.open() ? " is open" : chain.closed() ? " is closed" : " was aborted"));
        routed().ifPresent(routed -> aggregator.begin(routed.roster().opened(), directory, opened));
    }

    /// Where the attempt begins that has not ended, or ended with a complaint that is not judged; else the
    /// log's size.
    private static int openAttempt(List<ConsumerRecord<byte[], byte[]>> log) throws MalformedMessage {
        int open = log.size();
        for (int i = 0; i < log.size(); i++) {
            Decided decided = Decided.parse(Bytes.of(log.get(i).value()));
            switch (decided.type()) {
                case ROUND_OPENED -> open = i;
                case ROUND_CLOSED -> open = log.size();
                case ROUND_ABORTED ->
                    open = Director.isComplaint(RoundAborted.parse(decided.payload())) ? open : log.size();
                default -> {}
            }
        }
        return open;
    }

    /// The decision U2 names shares by their hash: the machine must have seen them. Everything else that
    /// members said in the open attempt comes again through the inboxes.
    private void feedShares() {
        if (!(state.phase() instanceof Phase.Shares shares)) {
            return;
        }
        for (String member : shares.roster().ids()) {
            for (ConsumerRecord<byte[], byte[]> record : kafka.readToEnd(topics.inbox(member), 1)) {
                try {
                    Envelope envelope = Envelope.decode(Bytes.of(record.value()));
                    if (envelope.type() == MessageType.SHARES_DEALT && record.timestamp() >= opened.toEpochMilli()) {
                        // What it would propose now is in the log already.
                        state = machine.step(state, new Input.Received(envelope), opened)
                                .state();
                    }
                } catch (MalformedMessage e) {
                    // take() says so.
                }
            }
        }
    }

    private void enter(Envelope envelope, Instant at) {
        Directory own = Registry.START.directory(
                settings.federation(), secrets.identity().key());
        try {
            registry = registry.next(primitives, own, envelope);
            registries.put(registry.head(), registry);
            if (Message.parse(envelope.type(), envelope.payload()) instanceof RegistryEntry.Enrolled enrolled) {
                generations.put(enrolled.organisation(), enrolled.generation());
                board.enrolled(enrolled.organisation(), at);
            }
        } catch (PeerMisbehaved | MalformedMessage e) {
            throw new IllegalStateException("the registry is not what this coordinator wrote: " + e.getMessage(), e);
        }
    }

    /// Reads the present version back from `models`; publishes version 0 if it is not there.
    private void findVersion() throws MalformedMessage {
        List<ConsumerRecord<byte[], byte[]>> chunks = kafka.readToEnd(topics.models(), settings.partitions());
        versions.totals(chunks).forEach(board::recalled);
        if (versions.find(chunks)) {
            return;
        }
        if (versions.expected() != 0) {
            throw new IllegalStateException(topics.models() + " lacks chunks of version " + versions.expected()
                    + ", which the last closed round made, or round-secret.key is another one");
        }
        writeAll(versions.chunks());
    }

    // ---- the machine ----

    private void step(Input input, Instant at) {
        RoundOpened opening = null;
        Message message = null;
        if (input instanceof Input.Decision || input instanceof Input.Ended) {
            message = parse(input instanceof Input.Decision now ? now.decided() : ((Input.Ended) input).decided());
            if (message instanceof RoundOpened open) {
                opening = open;
                directory = Objects.requireNonNull(registries.get(open.registryHead()), "an unknown registry head")
                        .directory(settings.federation(), secrets.identity().key());
                machine = machine(directory);
            }
        }
        Bytes head = state.chain().head();
        DirectorState.Transition next = machine.step(state, input, at);
        state = next.state();
        if (message != null) {
            next.outputs().forEach(RoundDirector::requireFolded);
            board.decided(message, state.chain().head(), at);
            if (opening != null) {
                opened = at;
            }
            after(message, head);
            if (following
                    && state.phase() instanceof Phase.Updates updates
                    && message.type() == MessageType.SHARES_ROUTED) {
                aggregator.begin(updates.routed().roster().opened(), directory, opened);
            }
            report(message);
        }
        for (Output output : next.outputs()) {
            switch (output) {
                case Output.Decide decide -> decide(decide.decided());
                case Output.Publish publish -> say(publish.envelope());
                case Output.Refused refused -> refused(refused.fault());
                case Output.Judged judged -> judged(judged);
                case Output.Disputed disputed -> disputed(disputed, input);
                case Output.Unmask unmask -> unmask(unmask.unmasking(), unmask.unmasker());
            }
        }
    }

    private static void requireFolded(Output output) {
        if (output instanceof Output.Refused refused) {
            throw new IllegalStateException(
                    "the leader's log does not fold: " + refused.fault().getMessage());
        }
    }

    private static Message parse(Decided decided) {
        try {
            return Message.parse(decided.type(), decided.payload());
        } catch (MalformedMessage e) {
            throw new IllegalStateException("the leader's log holds what no director wrote: " + e.getMessage(), e);
        }
    }

    /// @param before the chain's head before the message: T4 if it closes a round
    private void after(Message message, Bytes before) {
        Chain chain = state.chain();
        switch (message) {
            case RoundClosed closed -> {
                versions.closed(closed, chain.round(), chain.attempt(), before);
                if (chain.round() + 1 >= settings.rounds()) {
                    board.finish();
                }
            }
            case RoundAborted aborted -> {
                long patience = BACK_OFF.toMillis() * Math.min(chain.attempt(), MOST_BACK_OFFS);
                notBefore = clock.instant().plusMillis(patience);
                aborted.blamed()
                        .ifPresent(who ->
                                board.judged(new Board.Judged(who, chain.round(), chain.attempt(), aborted.detail())));
            }
            default -> {}
        }
    }

    private void report(Message message) {
        if (!following) {
            return;
        }
        Chain chain = state.chain();
        String round = "round " + chain.round() + " attempt " + chain.attempt();
        switch (message) {
            case RoundOpened open -> LOG.infof("%s opened with %s", round, open.cohort());
            case RoundClosed closed ->
                LOG.infof(
                        "%s closed: version %d, digest %s",
                        round, closed.version(), closed.modelDigest().hex());
            case RoundAborted aborted -> LOG.warnf("%s aborted: %s: %s", round, aborted.reason(), aborted.detail());
            default -> LOG.infof("%s: %s", round, message.type().wireName());
        }
    }

    private void decide(Decided decided) {
        Instant at = write(topics.leader(), decided.type().wireName(), decided.encode());
        step(new Input.Decision(decided), at);
    }

    private void say(Envelope envelope) {
        Bytes encoded = envelope.encode();
        if (!said.add(Enc.sha256(encoded))) {
            return;
        }
        Chain chain = state.chain();
        write(
                topics.control(),
                chain.round() + "/" + chain.attempt() + "/" + envelope.type().wireName(),
                encoded);
        board.bytesDown(encoded.size());
    }

    private void refused(PeerMisbehaved fault) {
        // What comes late, or again after a restart, is no news.
        boolean late = fault.reason() == Refusal.OTHER_TRANSCRIPT || fault.reason() == Refusal.UNEXPECTED_MESSAGE;
        if (!late) {
            board.refused(fault.who(), fault.reason().name());
        }
        LOG.logf(
                late ? Logger.Level.DEBUG : Logger.Level.WARN,
                "%s: refused: %s: %s",
                fault.who(),
                fault.reason(),
                fault.getMessage());
    }

    private void judged(Output.Judged judged) {
        String what = judged.complainant() + " complained of " + judged.accused();
        board.judged(new Board.Judged(
                judged.liar(),
                state.chain().round(),
                state.chain().attempt(),
                judged.liar().equals(judged.accused())
                        ? what + ", whose sealed share is not what it committed to"
                        : what + " without reason, or did not open its channel key"));
        LOG.warnf("%s: %s lied and is left out of this round", what, judged.liar());
    }

    private void disputed(Output.Disputed disputed, Input input) {
        if (input instanceof Input.Received received) {
            board.disputed(
                    disputed.member(), disputed.reason(), received.envelope().transcript());
        }
        LOG.warnf("%s has published evidence against this coordinator: %s", disputed.member(), disputed.reason());
    }

    private void unmask(Unmasking confirmed, Unmasker unmasker) {
        board.summing(now());
        unmasking = Optional.of(unmasker);
        var _ = aggregator
                .finish(confirmed.survivors(), unmasker, versions.present(), serverStep(confirmed))
                .whenComplete((summed, failure) -> later(() -> {
                    unmasker.close();
                    unmasking = Optional.empty();
                    if (failure instanceof AggregateOutOfRange) {
                        step(new Input.Abort("AggregateOutOfRange", text(failure), List.of()), now());
                    } else if (failure != null) {
                        throw new IllegalStateException(failure);
                    } else {
                        publish(confirmed, summed);
                    }
                }));
    }

    private UnmaskedSum.ServerStep serverStep(Unmasking confirmed) {
        Bytes head = confirmed.survivors().routed().roster().opened().message().registryHead();
        int members = Objects.requireNonNull(registries.get(head)).members().size();
        return (adapter, decoded, vectors, round) ->
                settings.optimizer().step(adapter, decoded, vectors, round, members);
    }

    private static String text(Throwable failure) {
        return Objects.requireNonNullElse(failure.getMessage(), failure.toString());
    }

    /// The version and its keys first, then what says that they are there.
    private void publish(Unmasking confirmed, Aggregator.Summed summed) {
        Chain chain = state.chain();
        ModelVersion next = summed.next();
        versions.made(next, chain.round(), chain.attempt(), confirmed.t4());
        List<Writer.Entry> chunks = versions.chunks();
        writeAll(chunks);
        chunks.forEach(chunk -> board.bytesDown(chunk.value().size()));
        giveKeys(registry.members().keySet());
        board.summed(next.header().made().map(ModelHeader.Made::totals).orElse(new Totals(0, 0, 0, 0, 0, 0)));
        step(
                new Input.Close(
                        next.version(),
                        next.digest(settings.federation()),
                        summed.sum().digest()),
                now());
    }

    private void giveKeys(Collection<String> receivers) {
        ModelKeys keys = versions.keys(registry.members(), receivers);
        say(secrets.identity().sign(keys, keys.modelDigest()));
        versions.given(keys);
    }

    // ---- what members send ----

    private void take(ConsumerRecord<byte[], byte[]> record) {
        if (!record.topic().startsWith(topics.inboxPrefix()) || record.value() == null) {
            return;
        }
        String organisation = record.topic().substring(topics.inboxPrefix().length());
        Instant at = Instant.ofEpochMilli(record.timestamp());
        Envelope envelope;
        try {
            envelope = Envelope.decode(Bytes.of(record.value()));
        } catch (MalformedMessage e) {
            LOG.warnf("%s: a message is refused: %s", organisation, e.getMessage());
            return;
        }
        if (!envelope.sender().equals(organisation)) {
            LOG.warnf("%s: a message in the name of %s is refused", organisation, envelope.sender());
            return;
        }
        board.heard(organisation, at);
        if (envelope.type() == MessageType.PEERS_APPROVED) {
            approved(envelope);
        } else if (envelope.type() == MessageType.SURVIVORS_LIFTED || envelope.type() == MessageType.DISPUTED) {
            // Said between attempts too.
            step(new Input.Received(envelope), now());
        } else if (state.phase() instanceof Phase.Judging && !at.isBefore(opened)) {
            step(new Input.Received(envelope), now());
        } else if (state.chain().open() && !at.isBefore(opened)) {
            board.bytesUp(record.value().length);
            int silent = state.silent().size();
            follow(envelope);
            step(new Input.Received(envelope), now());
            board.seen(organisation, envelope.type());
            if (state.silent().size() > silent) {
                declined(organisation, envelope);
            }
        }
    }

    /// The aggregator needs every manifest, also after a restart in a later phase.
    private void follow(Envelope envelope) {
        Optional<Routed> routed = routed();
        if (envelope.type() == MessageType.UPDATE_MANIFEST && routed.isPresent()) {
            try {
                aggregator.follow(Manifest.verify(primitives, directory, routed.get(), envelope));
            } catch (PeerMisbehaved e) {
                // The machine says so.
            }
        }
    }

    private Optional<Routed> routed() {
        return switch (state.phase()) {
            case Phase.Updates updates -> Optional.of(updates.routed());
            case Phase.Confirmation confirmation ->
                Optional.of(confirmation.survivors().routed());
            case Phase.Reveal reveal ->
                Optional.of(reveal.unmasking().survivors().routed());
            default -> Optional.empty();
        };
    }

    private void declined(String organisation, Envelope envelope) {
        try {
            RoundDeclined refusal = RoundDeclined.parse(envelope.payload());
            Chain chain = state.chain();
            board.declined(new Board.Declined(
                    organisation, chain.round(), chain.attempt(), refusal.reason(), refusal.detail()));
            LOG.warnf(
                    "%s declines round %d attempt %d: %s: %s",
                    organisation, chain.round(), chain.attempt(), refusal.reason(), refusal.detail());
        } catch (MalformedMessage e) {
            throw new IllegalStateException("the machine parsed it", e);
        }
    }

    private void approved(Envelope envelope) {
        try {
            if (!registries.containsKey(envelope.transcript())) {
                throw new PeerMisbehaved(
                        Refusal.OTHER_TRANSCRIPT, envelope.sender(), "approves after another registry");
            }
            Directory all =
                    registry.directory(settings.federation(), secrets.identity().key());
            if (all.verify(primitives, envelope, envelope.transcript()) instanceof PeersApproved list) {
                approvals.put(envelope.sender(), list);
            }
        } catch (PeerMisbehaved e) {
            refused(e);
        }
    }

    // ---- time ----

    private void tick() {
        if (!caughtUp) {
            return;
        }
        boolean heldUp = isHeldUp();
        lastTick = clock.instant();
        if (heldUp) {
            caughtUp = false;
            inboxes.catchUp();
            return;
        }
        if (state.phase() instanceof Phase.Between) {
            open();
        } else {
            step(new Input.Tick(), now());
        }
    }

    private void open() {
        Chain chain = state.chain();
        if (state.deciding()
                || Recipe.round(chain) >= settings.rounds()
                || clock.instant().isBefore(notBefore)) {
            return;
        }
        List<String> eligible = new ArrayList<>(Approvals.cohort(registry.members(), approvals));
        if (eligible.size() < settings.membersAtLeast()) {
            board.waiting(eligible.size() + " members approve each other, " + settings.membersAtLeast()
                    + " are needed (members.atLeast)");
            return;
        }
        eligible.removeAll(state.leftOut());
        int fewest = settings.cohort().orElse(FEWEST);
        if (eligible.size() < fewest) {
            board.waiting(eligible.size() + " members are left without " + state.leftOut()
                    + ", who lied about shares in this round; a round needs " + fewest);
            return;
        }
        List<String> without = versions.without(eligible);
        if (!without.isEmpty()) {
            giveKeys(without);
        }
        Bytes nonce = randomness.bytes(32);
        long round = Recipe.round(chain);
        Bytes roundKey = machine.roundKey(round, Recipe.attempt(chain), nonce);
        try {
            RoundOpened message = recipe.opened(
                    chain, eligible, versions.present(), nonce, secrets.keyId(), roundKey, registry.head());
            step(new Input.Open(message), now());
        } catch (IllegalArgumentException e) {
            board.waiting("the settings do not fit " + eligible.size() + " members: " + e.getMessage());
            notBefore = clock.instant().plus(BACK_OFF);
        }
    }

    private boolean isHeldUp() {
        return clock.instant().isAfter(lastTick.plus(HELD_UP));
    }

    /// The broker's time, by which deadlines run; before it has caught up, none is reached.
    private Instant now() {
        Instant now = clock.instant().plus(brokerAhead);
        return caughtUp && !isHeldUp()
                ? now
                : state.ends()
                        .map(ends -> ends.minusMillis(1))
                        .filter(now::isAfter)
                        .orElse(now);
    }

    private Instant write(String topic, String key, Bytes value) {
        return writeAll(List.of(new Writer.Entry(topic, 0, key, value)));
    }

    private Instant writeAll(List<Writer.Entry> entries) {
        Instant at = writer.write(entries);
        brokerAhead = Duration.between(clock.instant(), at);
        return at;
    }
}
