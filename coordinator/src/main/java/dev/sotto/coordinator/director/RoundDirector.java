package dev.sotto.coordinator.director;

import dev.sotto.coordinator.enrolment.Enrolment;
import dev.sotto.coordinator.kafka.KafkaClients;
import dev.sotto.coordinator.kafka.Writer;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.coordinator.slots.Decisions;
import dev.sotto.coordinator.slots.SlotCipher;
import dev.sotto.coordinator.slots.SlotRecord;
import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.primitive.BoxRefused;
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
import dev.sotto.crypto.secagg.Sample;
import dev.sotto.crypto.secagg.SumPart;
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
import dev.sotto.schemas.Protocol;
import dev.sotto.schemas.RegistryEntry;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundDeclined;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.Topics;
import dev.sotto.telemetry.RoundSpans;
import java.nio.charset.StandardCharsets;
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
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
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
import org.apache.kafka.common.header.Header;
import org.jboss.logging.Logger;

/// Directs the rounds of a federation. Everything it knows is a fold over Kafka: `registry`, what it
/// decided (`leader`), what it said (`control`), the inboxes, and `models`. Killed at any point, it goes
/// on where the logs end.
///
/// No deadline passes (`ends` of the phase) before it has heard what members had said by then, also while nobody
/// directed, it was held up itself, or the broker was out of reach: an answer that is in the log counts.
///
/// One thread does everything that touches state; methods may be called from any thread. What cannot be
/// handled ends it (`fatal`), since a new one starts from the logs.
public final class RoundDirector implements Enrolment.RegistryWriter, AutoCloseable {
    private static final Logger LOG = Logger.getLogger(RoundDirector.class);
    private static final Duration TICK = Duration.ofMillis(100);
    private static final Duration ALIVE = Duration.ofSeconds(10);
    /// Without a tick for that long, others may have said what it has not heard.
    private static final Duration HELD_UP = Duration.ofSeconds(3);
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
    private final RoundSpans spans;
    private final Clock clock;
    private final Consumer<Throwable> fatal;
    private final Recipe recipe;
    private final AuditWindow auditWindow;
    private final Consumer<Instant> forget;
    private final Versions versions;
    private final Board board = new Board();
    private final Inboxes inboxes;
    private final Tally tally = new Tally();
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("director").factory());

    // Below: used on the director's thread only, but for what is volatile.
    private final Map<Bytes, Registry> registries = new HashMap<>();
    private final Map<String, Integer> generations = new HashMap<>();
    private final Map<String, PeersApproved> approvals = new TreeMap<>();
    private final Set<String> foreign = new TreeSet<>();
    private final Set<Bytes> said = new HashSet<>();
    private volatile Registry registry = Registry.START;
    private DirectorState state = DirectorState.START;
    private Director machine;
    private Directory directory;
    private Instant opened = Instant.MAX;
    private Instant notBefore = Instant.MIN;
    private Duration brokerAhead = Duration.ZERO;
    private boolean following;
    private Bytes question = Bytes.EMPTY;
    private Bytes lastCall = Bytes.EMPTY;
    private boolean heard;
    private boolean caughtUp;
    private Optional<Unmasking> summing = Optional.empty();
    private final AtomicBoolean stopped = new AtomicBoolean();
    private volatile Instant lastTick = Instant.MIN;

    /// Starts nothing yet.
    ///
    /// @param writer has taken over from any earlier one, so that the logs end; stays the caller's to close
    /// @param forget deletes chunks that are older; it may take its time, and fail
    /// @param fatal  gets what cannot be handled; the caller then closes this director
    public RoundDirector(
            Settings settings,
            KafkaClients kafka,
            Writer writer,
            Secrets secrets,
            Primitives primitives,
            Randomness randomness,
            RoundSpans spans,
            Clock clock,
            Consumer<Instant> forget,
            Consumer<Throwable> fatal) {
        this.settings = settings;
        this.topics = settings.topics();
        this.kafka = kafka;
        this.writer = writer;
        this.secrets = secrets;
        this.primitives = primitives;
        this.randomness = randomness;
        this.spans = spans;
        this.clock = clock;
        this.fatal = fatal;
        this.recipe = new Recipe(settings);
        this.auditWindow = new AuditWindow(settings.auditWindow());
        this.forget = forget;
        this.versions = new Versions(settings, secrets, primitives, randomness, recipe);
        registries.put(registry.head(), registry);
        this.directory =
                registry.directory(settings.federation(), secrets.identity().key());
        this.machine = machine(directory);
        this.inboxes = new Inboxes(topics, settings.partitions(), kafka::reader, new Heard());
    }

    private Director machine(Directory of) {
        return new Director(
                primitives,
                secrets.identity(),
                of,
                secrets.roundSecret(),
                randomness,
                settings.grace(of.deliveryKeys().size()));
    }

    // ---- from outside ----

    /// Folds the logs; returns when they are folded, and goes on.
    ///
    /// @throws NotDirecting if that failed, for the reason that `fatal` got
    public void start() {
        on(() -> {
            fold();
            ask();
            inboxes.start(registry.members().keySet());
            return true;
        });
        recall();
        var _ = thread.scheduleWithFixedDelay(
                () -> later(this::tick), TICK.toMillis(), TICK.toMillis(), TimeUnit.MILLISECONDS);
    }

    /// For the board alone, beside everything else: nothing waits for what earlier sums said.
    private void recall() {
        Runnable recall = on(() -> versions.recall(kafka, board::recalled, stopped::get));
        Thread.ofPlatform().name("recall").daemon().start(() -> {
            try {
                recall.run();
            } catch (RuntimeException e) {
                LOG.debugf("the board lacks what earlier rounds' sums said: %s", e.getMessage());
            }
        });
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
    public void append(RegistryEntry entry, Bytes act) {
        on(() -> {
            Envelope envelope = secrets.identity().sign(entry, registry.head());
            RegistryEntry.Enrolled before = registry.members().get(entry.organisation());
            enter(envelope, now());
            var _ = writeAll(List.of(
                    new Writer.Entry(topics.registry(), 0, entry.organisation(), envelope.encode()),
                    new Writer.Entry(topics.acts(), 0, entry.organisation(), act)));
            switch (entry) {
                case RegistryEntry.Enrolled enrolled -> {
                    inboxes.follow(enrolled.organisation());
                    if (before != null && before.generation() == enrolled.generation()) {
                        LOG.infof("%s has a new certificate", enrolled.organisation());
                    } else {
                        LOG.infof("%s enrolled, generation %d", enrolled.organisation(), enrolled.generation());
                    }
                }
                case RegistryEntry.Suspended suspended ->
                    LOG.infof("%s is suspended: %s", suspended.organisation(), suspended.reason());
                case RegistryEntry.Resumed resumed -> {
                    inboxes.follow(resumed.organisation());
                    LOG.infof("%s is resumed", resumed.organisation());
                }
                case RegistryEntry.Revoked revoked ->
                    LOG.infof("%s is revoked: %s", revoked.organisation(), revoked.reason());
                case RegistryEntry.Left left -> LOG.infof("%s left: %s", left.organisation(), left.reason());
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
            later(() -> {
                heard = true;
                count();
            });
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
        try {
            boolean _ = thread.awaitTermination(2, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
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
                } catch (RuntimeException | Error e) {
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
            enter(Envelope.decode(Bytes.given(record.value())), Instant.ofEpochMilli(record.timestamp()));
        }
        for (ConsumerRecord<byte[], byte[]> record : kafka.readToEnd(topics.control(), 1)) {
            Envelope envelope = Envelope.decode(Bytes.given(record.value()));
            said.add(Enc.sha256(envelope.encode()));
            if (envelope.type() == MessageType.MODEL_KEYS) {
                versions.given(ModelKeys.parse(envelope.payload()));
            }
        }
        List<ConsumerRecord<byte[], byte[]>> log = kafka.readToEnd(topics.leader(), 1);
        int open = Decisions.openAttempt(log);
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
                    Envelope envelope = Envelope.decode(Bytes.given(record.value()));
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
                Integer before = generations.put(enrolled.organisation(), enrolled.generation());
                if (before != null && before != enrolled.generation()) {
                    // What the organisation approved with other keys, it has not approved with these.
                    approvals.remove(enrolled.organisation());
                    foreign.remove(enrolled.organisation());
                }
                board.enrolled(enrolled.organisation(), at);
            }
        } catch (PeerMisbehaved | MalformedMessage e) {
            throw new IllegalStateException("the registry is not what this coordinator wrote: " + e.getMessage(), e);
        }
    }

    /// Reads the present version back from `models`; publishes version 0 if it is not there.
    private void findVersion() throws MalformedMessage {
        if (versions.find(kafka)) {
            return;
        }
        long version = versions.present().version();
        if (version != 0) {
            throw new IllegalStateException(topics.models() + " lacks the header of version " + version
                    + ", which the last closed round made, or round-secret.key is another one");
        }
        brokerAhead = Duration.between(clock.instant(), writer.<RuntimeException>write(versions::first));
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
                versions.closed(closed, chain.round(), chain.attempt(), before, opened);
                auditWindow.closed(opened).filter(any -> following).ifPresent(this::forget);
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

    /// Beside everything else: no round waits for it.
    private void forget(Instant before) {
        Thread.ofVirtual().name("forget").start(() -> {
            try {
                forget.accept(before);
            } catch (RuntimeException e) {
                LOG.warnf("chunks from before %s cannot be deleted: %s", before, e.getMessage());
            }
        });
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
        switch (message.type()) {
            case ROUND_OPENED -> spans.opened(List.of(), chain.round(), chain.attempt(), "keys");
            case ROSTER_SEALED -> spans.phase("shares");
            case SHARES_ROUTED -> spans.phase("training");
            case SURVIVORS_SEALED -> spans.phase("confirmation");
            case UNMASK_REQUESTED -> spans.phase("reveal");
            case ROUND_CLOSED -> spans.ended(true);
            case ROUND_ABORTED -> spans.ended(false);
            default -> {}
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

    /// The slots rebuild the seeds themselves: here they only had to be there.
    private void unmask(Unmasking confirmed, Unmasker unmasker) {
        unmasker.close();
        board.summing(now());
        spans.phase("closing");
        summing = Optional.of(confirmed);
        count();
    }

    /// The version's chunks are there; its header and its keys, then what says so.
    private void publish(Unmasking confirmed, Totals totals, List<SumPart> parts) {
        Chain chain = state.chain();
        SumPart.Whole whole = SumPart.whole(
                confirmed.survivors(), totals, parts, versions.present().version() + 1, versions.vectors());
        writeAll(List.of(versions.made(
                whole.header(), whole.modelDigest(), chain.round(), chain.attempt(), confirmed.t4(), opened)));
        board.bytesDown(Float.BYTES * whole.header().coordinates());
        whole.header()
                .made()
                .filter(made -> made.steps() < ModelHeader.FEW_STEPS)
                .ifPresent(made -> LOG.warnf(
                        "round %d: an update of mean weight has %.0f steps up to its range, and should have %.0f: more"
                                + " ringBits than %d, or weights that differ less (weightCap %d), would lose less to"
                                + " rounding",
                        made.round(), made.steps(), ModelHeader.FEW_STEPS, made.ringBits(), made.weightCap()));
        giveKeys(registry.members().keySet());
        board.summed(totals);
        step(new Input.Close(versions.present().version(), whole.modelDigest(), whole.aggregateDigest()), now());
    }

    private void giveKeys(Collection<String> receivers) {
        ModelKeys keys = versions.keys(registry.members(), receivers);
        say(secrets.identity().sign(keys, keys.modelDigest()));
        versions.given(keys);
    }

    // ---- what members send ----

    private void take(ConsumerRecord<byte[], byte[]> record) throws MalformedMessage {
        if (record.topic().equals(topics.slots()) && record.value() != null) {
            tally.take(SlotRecord.parse(Bytes.given(record.value())));
            count();
            return;
        }
        if (!record.topic().startsWith(topics.inboxPrefix()) || record.value() == null) {
            return;
        }
        String organisation = record.topic().substring(topics.inboxPrefix().length());
        Instant at = Instant.ofEpochMilli(record.timestamp());
        Envelope envelope;
        try {
            envelope = Envelope.decode(Bytes.given(record.value()));
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
            approved(envelope, spoken(record));
        } else if (envelope.type() == MessageType.SURVIVORS_LIFTED || envelope.type() == MessageType.DISPUTED) {
            // Said between attempts too.
            step(new Input.Received(envelope), now());
        } else if (state.phase() instanceof Phase.Judging && !at.isBefore(opened)) {
            step(new Input.Received(envelope), now());
        } else if (state.chain().open() && !at.isBefore(opened)) {
            board.bytesUp(record.value().length);
            int silent = state.silent().size();
            step(new Input.Received(envelope), now());
            board.seen(organisation, envelope.type());
            if (envelope.type() == MessageType.UPDATE_MANIFEST) {
                count();
            }
            if (state.silent().size() > silent) {
                declined(organisation, envelope);
            }
        }
    }

    // ---- what the slots tell ----

    /// Asks what has been delivered by now, and hears what members have said by now.
    private void ask() {
        question = randomness.bytes(32);
        heard = false;
        caughtUp = false;
        write(topics.slots(), "Asked", new SlotRecord.Asked(question).encode());
        inboxes.catchUp();
    }

    /// Takes up what the slots, together, have told.
    private void count() {
        if (state.phase() instanceof Phase.Updates updates) {
            Bytes t2 = updates.routed().t2();
            tally.delivered(t2, slots(updates.routed())).forEach((member, manifest) -> {
                Manifest claimed = updates.manifests().get(member);
                if (!updates.delivered().containsKey(member)
                        && claimed != null
                        && claimed.hash().equals(manifest)) {
                    board.delivered(member);
                    board.bytesUp(tally.bytes(t2, member));
                    step(new Input.Delivered(member, manifest), now());
                }
            });
        }
        if (!caughtUp
                && heard
                && (!(state.phase() instanceof Phase.Updates updates)
                        || tally.hasAnswered(question, updates.routed().t2(), slots(updates.routed())))) {
            caughtUp = true;
            lastTick = clock.instant();
        }
        summing.ifPresent(this::sum);
    }

    private void sum(Unmasking confirmed) {
        Optional<String> failed = tally.failed(confirmed.t4());
        Optional<Bytes> scalars = tally.scalars(confirmed.t4());
        Optional<List<Bytes>> parts =
                tally.parts(confirmed.t4(), slots(confirmed.survivors().routed()));
        if (failed.isPresent()) {
            summing = Optional.empty();
            step(new Input.Abort("AggregateOutOfRange", failed.get(), List.of()), now());
        } else if (scalars.isPresent() && parts.isPresent()) {
            summing = Optional.empty();
            try {
                Bytes packed = SlotCipher.openScalars(secrets.roundSecret(), confirmed, scalars.get());
                List<SumPart> told = new ArrayList<>();
                for (int slot = 0; slot < parts.get().size(); slot++) {
                    told.add(SumPart.parse(SlotCipher.openPart(
                            secrets.roundSecret(), confirmed, slot, parts.get().get(slot))));
                }
                publish(confirmed, UnmaskedSum.totals(confirmed.survivors(), packed), told);
            } catch (AggregateOutOfRange | BoxRefused | MalformedMessage e) {
                throw new IllegalStateException(
                        topics.slots() + " holds what no replica with this round-secret.key wrote", e);
            }
        }
    }

    /// How many slots have chunks.
    private int slots(Routed routed) {
        return new Sample.All()
                .partitions(routed.roster().opened().message(), settings.partitions())
                .size();
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

    /// Which versions of the protocol the sender's program speaks, as it says itself, beside what is signed: whoever
    /// alters it can keep a member out of rounds, as whoever withholds what the member says can.
    private static String spoken(ConsumerRecord<byte[], byte[]> record) {
        Header said = record.headers().lastHeader(Protocol.HEADER);
        return said == null || said.value() == null
                ? Protocol.UNSAID
                : new String(said.value(), StandardCharsets.US_ASCII);
    }

    private void approved(Envelope envelope, String protocol) {
        try {
            if (!registries.containsKey(envelope.transcript())) {
                throw new PeerMisbehaved(
                        Refusal.OTHER_TRANSCRIPT, envelope.sender(), "approves after another registry");
            }
            Directory all =
                    registry.directory(settings.federation(), secrets.identity().key());
            if (all.verify(primitives, envelope, envelope.transcript()) instanceof PeersApproved list) {
                approvals.put(envelope.sender(), list);
                speaks(envelope.sender(), protocol);
            }
        } catch (PeerMisbehaved e) {
            refused(e);
        }
    }

    private void speaks(String organisation, String protocol) {
        String versions = Protocol.areVersions(protocol) ? protocol : "no known versions";
        board.speaks(organisation, versions);
        if (Protocol.isSpoken(versions)) {
            foreign.remove(organisation);
        } else if (foreign.add(organisation)) {
            LOG.warnf(
                    "%s is left out of rounds: its program speaks %s of the protocol, this one version %d",
                    organisation, versions, Protocol.VERSION);
        }
    }

    // ---- time ----

    private void tick() {
        if (!caughtUp) {
            return;
        }
        boolean heldUp = isHeldUp();
        lastTick = clock.instant();
        if (heldUp || isLastCall()) {
            ask();
            return;
        }
        if (state.phase() instanceof Phase.Between) {
            open();
        } else {
            step(new Input.Tick(), now());
        }
    }

    /// Before time is up in a phase, once: a member may have answered, or a slot may be on its way to another
    /// replica,
    /// while the broker was out of reach.
    private boolean isLastCall() {
        Bytes phase = state.chain().head();
        boolean over = state.ends().filter(ends -> !brokerTime().isBefore(ends)).isPresent();
        if (over && !state.deciding() && !phase.equals(lastCall)) {
            lastCall = phase;
            return true;
        }
        return false;
    }

    private void open() {
        Chain chain = state.chain();
        if (state.deciding()
                || Recipe.round(chain) >= settings.rounds()
                || clock.instant().isBefore(notBefore)) {
            return;
        }
        SortedMap<String, RegistryEntry.Enrolled> speaking = new TreeMap<>(registry.members());
        speaking.keySet().removeAll(foreign);
        List<String> eligible = new ArrayList<>(Approvals.cohort(speaking, approvals));
        if (eligible.size() < settings.membersAtLeast()) {
            board.waiting(eligible.size() + " members approve each other, " + settings.membersAtLeast()
                    + " are needed (members.atLeast)"
                    + (foreign.isEmpty()
                            ? ""
                            : "; " + foreign + " speak other versions of the protocol than " + Protocol.VERSION));
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

    /// The broker's time, by which deadlines run. None is reached before it has caught up, nor before the last call.
    private Instant now() {
        Instant now = brokerTime();
        boolean called = state.chain().head().equals(lastCall);
        return caughtUp && called && !isHeldUp()
                ? now
                : state.ends()
                        .map(ends -> ends.minusMillis(1))
                        .filter(now::isAfter)
                        .orElse(now);
    }

    private Instant brokerTime() {
        return clock.instant().plus(brokerAhead);
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
