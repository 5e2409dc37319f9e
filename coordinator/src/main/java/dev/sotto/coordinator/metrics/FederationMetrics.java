package dev.sotto.coordinator.metrics;

import dev.sotto.coordinator.Service;
import dev.sotto.coordinator.director.Board;
import dev.sotto.coordinator.director.Member;
import dev.sotto.coordinator.director.Overview;
import dev.sotto.crypto.secagg.Refusal;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import jakarta.inject.Singleton;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The federation's figures for Prometheus, at `/q/metrics`: functions of the board, read when they are asked for.
/// docs/metrics.md has the table.
///
/// Aggregates only, and no organisation's name. Counters of rounds, attempts, dropouts and phases are folds of the
/// log and survive a restart; those of bytes and refused messages begin anew. Each reason has its series from the
/// start, so that the first increase is seen as one.
@Singleton
public final class FederationMetrics implements MeterBinder {
    private static final String OTHER = "OTHER";
    private static final List<String> REFUSALS =
            Arrays.stream(Refusal.values()).map(Refusal::name).toList();
    /// Those of refusals, and those that the director has besides.
    private static final List<String> ABORTS = Stream.concat(
                    REFUSALS.stream(), Stream.of("AggregateOutOfRange", "Complaint", "NeedsLift"))
            .toList();

    private final Service service;

    /// For CDI.
    public FederationMetrics(Service service) {
        this.service = service;
    }

    @Override
    public void bindTo(MeterRegistry registry) {
        counters(registry);
        gauges(registry);
        ofThisProcess(registry);
    }

    private void counters(MeterRegistry registry) {
        counter("sotto.rounds.closed", "rounds that were closed", sums -> sums.closed())
                .register(registry);
        byReason(registry, "sotto.attempts.aborted", "attempts that were aborted", ABORTS, Board.Sums::aborted);
        byReason(registry, "sotto.messages.refused", "messages that broke a rule", REFUSALS, Board.Sums::refused);
        for (String phase : Board.PHASES) {
            counter("sotto.members.dropped", "members left out of an attempt", sums -> of(sums.dropped(), phase))
                    .tag("phase", phase)
                    .register(registry);
            FunctionTimer.builder(
                            "sotto.phase",
                            this,
                            self -> of(self.sums().phaseCounts(), phase),
                            self -> self.sums().phaseSeconds().getOrDefault(phase, 0.0),
                            TimeUnit.SECONDS)
                    .description("phases of closed attempts")
                    .tag("phase", phase)
                    .register(registry);
        }
        counter("sotto.transferred", "messages and chunks", Board.Sums::bytesUp)
                .baseUnit("bytes")
                .tag("direction", "up")
                .register(registry);
        counter("sotto.transferred", "messages and chunks", Board.Sums::bytesDown)
                .baseUnit("bytes")
                .tag("direction", "down")
                .register(registry);
    }

    private void gauges(MeterRegistry registry) {
        Gauge.builder("sotto.rounds", service, of -> of.settings().rounds())
                .description("rounds after which the federation is finished")
                .register(registry);
        gauge(registry, "sotto.attempt", "number of the open attempt in its round, 0 if none is open", seen -> {
            Board.Current current = seen.board().rounds().current();
            return current == null ? 0 : current.attempt();
        });
        gauge(registry, "sotto.attempt.opened.seconds", "when the open attempt was opened, Unix time", seen -> {
            Board.Current current = seen.board().rounds().current();
            return current == null ? Double.NaN : seconds(current.openedAt());
        });
        gauge(
                registry,
                "sotto.disputes",
                "members' disputes, one per member and attempt",
                seen -> seen.board().rounds().disputed().size());
        gauge(
                registry,
                "sotto.survivors",
                "in the last closed round",
                seen -> last(seen.board().rounds(), round -> round.survivors().size()));
        gauge(
                registry,
                "sotto.cohort",
                "in the last closed round",
                seen -> last(
                        seen.board().rounds(),
                        round -> round.survivors().size() + round.dropped().size()));
        gauge(
                registry,
                "sotto.mean.loss",
                "of the last closed round",
                seen -> last(seen.board().rounds(), round -> orNaN(round.meanLoss())));
        gauge(
                registry,
                "sotto.clipped.ratio",
                "coordinates cut off in the last closed round, of all",
                seen -> last(seen.board().rounds(), round -> orNaN(round.clippedShare())));
        range(registry, "narrowest", Board.Round::narrowest);
        range(registry, "widest", Board.Round::widest);
        for (String state : Member.STATES) {
            Gauge.builder("sotto.members", this, overview(seen -> members(seen, state)))
                    .description("organisations in the registry")
                    .tag("state", state)
                    .register(registry);
        }
        gauge(
                registry,
                "sotto.certificate.first.end.seconds",
                "when the first of the active members' certificates ends, Unix time",
                seen -> seen.members().stream()
                        .filter(Member::isActive)
                        .map(Member::certificateEnds)
                        .filter(Objects::nonNull)
                        .mapToDouble(FederationMetrics::seconds)
                        .min()
                        .orElse(Double.NaN));
    }

    private void range(MeterRegistry registry, String tensor, ToDoubleFunction<Board.Round> value) {
        Gauge.builder("sotto.range", this, overview(seen -> last(seen.board().rounds(), value)))
                .description("at which a tensor's coordinates were cut off in the last closed round")
                .tag("tensor", tensor)
                .register(registry);
    }

    /// What a replica that stands by has too.
    private void ofThisProcess(MeterRegistry registry) {
        Gauge.builder("sotto.director.ready", this, self -> self.directs() ? 1 : 0)
                .description("1 if this process directs")
                .register(registry);
        Gauge.builder("sotto.slots", service, of -> of.slots().count())
                .description("partitions whose chunks this process adds")
                .register(registry);
        Gauge.builder("sotto.chunk.lag", service, of -> of.slots().behind())
                .description("records of members' chunks that lie in this process' slots and are not read yet")
                .register(registry);
        Gauge.builder("process.resident.memory", ResidentMemory::bytes)
                .description("physical memory that this process takes, the JVM's and native")
                .baseUnit("bytes")
                .register(registry);
    }

    private FunctionCounter.Builder<FederationMetrics> counter(
            String name, String description, ToDoubleFunction<Board.Sums> value) {
        return FunctionCounter.builder(name, this, self -> value.applyAsDouble(self.sums()))
                .description(description);
    }

    private void byReason(
            MeterRegistry registry,
            String name,
            String description,
            List<String> reasons,
            Function<Board.Sums, Map<String, Long>> counts) {
        for (String reason : reasons) {
            counter(name, description, sums -> of(counts.apply(sums), reason))
                    .tag("reason", reason)
                    .register(registry);
        }
        counter(
                        name,
                        description,
                        sums -> counts.apply(sums).entrySet().stream()
                                .filter(entry -> !reasons.contains(entry.getKey()))
                                .mapToDouble(Map.Entry::getValue)
                                .sum())
                .tag("reason", OTHER)
                .register(registry);
    }

    private void gauge(MeterRegistry registry, String name, String description, ToDoubleFunction<Overview> value) {
        Gauge.builder(name, this, overview(value)).description(description).register(registry);
    }

    /// A replica that stands by knows nothing of the rounds.
    private static ToDoubleFunction<FederationMetrics> overview(ToDoubleFunction<Overview> value) {
        return self -> self.service.overview().map(value::applyAsDouble).orElse(Double.NaN);
    }

    private boolean directs() {
        return service.overview().map(Overview::ready).orElse(false);
    }

    private Board.Sums sums() {
        return service.overview().map(seen -> seen.board().sums()).orElseGet(new Board()::sums);
    }

    private static double members(Overview seen, String state) {
        return seen.members().stream()
                .filter(member -> member.state().equals(state))
                .count();
    }

    private static double last(Board.Rounds rounds, ToDoubleFunction<Board.Round> value) {
        return rounds.rounds().isEmpty()
                ? Double.NaN
                : value.applyAsDouble(rounds.rounds().getLast());
    }

    private static long of(Map<String, Long> counts, String key) {
        return counts.getOrDefault(key, 0L);
    }

    private static double orNaN(@Nullable Double value) {
        return value == null ? Double.NaN : value;
    }

    private static double seconds(Instant at) {
        return at.toEpochMilli() / 1e3;
    }
}
