package dev.sotto.participant.audit;

import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.secagg.Attempt;
import dev.sotto.crypto.secagg.Control;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.crypto.secagg.Refusal;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.participant.audit.Finding.Evidence;
import dev.sotto.participant.audit.Finding.Outcome;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.ModelKeys;
import dev.sotto.schemas.RegistryEntry;
import dev.sotto.schemas.Topics;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.LongPredicate;

/// Replays rounds from a log, and says of every check what it showed: that it holds, that it does not, with the signed
/// messages that show it, or that what it needs is not there. Nothing is believed but the anchor's key: members' keys
/// are those of the coordinator's registry, compared with those that are pinned where there are any.
///
/// The mathematics is [Recomputation]'s; the protocol's rules are [Control]'s and [Attempt]'s.
///
/// Used once, by one thread.
public final class Audit {
    /// What an auditor trusts.
    ///
    /// @param coordinatorKey Ed25519
    /// @param publicSeed     version 0 is made of it
    /// @param pinned         identity keys by organisation that somebody has compared, or nothing where nobody has
    /// @param verified       the digest of the last version that this organisation verified, if it did: a log that
    ///   ends before it was cut
    public record Anchor(
            String federation,
            Bytes coordinatorKey,
            Bytes publicSeed,
            Optional<Map<String, Bytes>> pinned,
            Optional<Bytes> verified) {}

    private final Primitives primitives;
    private final Anchor anchor;
    private final Log log;
    private final Keys keys;
    private final Consumer<Finding> told;
    private final int threads;
    private final Directory coordinator;
    private final Map<Bytes, Registry> registries = new HashMap<>();
    private Control control = Control.START;
    private Registry registry = Registry.START;

    /// For one log.
    ///
    /// @param told    hears each finding when there is one
    /// @param threads from 1: how many chunks are unmasked at the same time
    public Audit(Primitives primitives, Anchor anchor, Log log, Keys keys, Consumer<Finding> told, int threads) {
        this.primitives = primitives;
        this.anchor = anchor;
        this.log = log;
        this.keys = keys;
        this.told = told;
        this.threads = threads;
        this.coordinator = new Directory(anchor.federation(), anchor.coordinatorKey(), Map.of(), Map.of());
    }

    /// Audits the attempts of some rounds that have ended.
    ///
    /// @param rounds   which
    /// @param expected those of which the log must have the end, or it cannot be checked
    /// @return the rounds that were audited, ascending
    public Set<Long> run(LongPredicate rounds, Set<Long> expected) {
        Set<Long> found = new TreeSet<>();
        if (!registry()) {
            return found;
        }
        control();
        Replayed all = new Replayed(primitives, anchor, log, keys, told, threads, coordinator, registries, control);
        Optional<ModelVersion> last = Optional.empty();
        for (Attempt attempt : control.attempts()) {
            long round = attempt.opened().message().round();
            if (rounds.test(round)
                    && (attempt.closed().isPresent() || attempt.aborted().isPresent())) {
                last = new AttemptAudit(all, attempt, last).audit();
                found.add(round);
            }
        }
        for (long round : new TreeSet<>(expected)) {
            if (!found.contains(round)) {
                tell(
                        Check.CONTROL,
                        Outcome.UNCHECKED,
                        "round " + round + " has not ended in this log",
                        Optional.empty());
            }
        }
        return found;
    }

    /// The head of the registry that was audited.
    public Bytes registryHead() {
        return registry.head();
    }

    /// The last T of `control` that was audited.
    public Bytes controlHead() {
        return control.chain().head();
    }

    /// Tells whether a member vouches for the end of the log that was audited; of a bundle nothing else shows it.
    public void end(Optional<Vouched> vouched) {
        if (vouched.isEmpty()) {
            tell(
                    Check.END,
                    Outcome.UNCHECKED,
                    "no member has signed where its log ended: messages at the end may be missing",
                    Optional.empty());
            return;
        }
        Vouched word = vouched.get();
        Optional<Bytes> key = registry.enrolment(word.organisation()).map(RegistryEntry.Enrolled::identityKey);
        if (key.isEmpty() || !word.isOf(primitives, anchor.federation(), key.get())) {
            tell(
                    Check.END,
                    Outcome.FAILED,
                    "what " + word.organisation()
                            + " is said to have signed of the log's end is not signed by a member's"
                            + " key in this registry",
                    Optional.empty());
        } else if (!word.registry().equals(registryHead()) || !word.control().equals(controlHead())) {
            tell(
                    Check.END,
                    Outcome.FAILED,
                    word.organisation() + "'s log ended with registry "
                            + word.registry().hex() + " and control "
                            + word.control().hex() + ", this one with "
                            + registryHead().hex() + " and " + controlHead().hex() + ": it was changed after that",
                    Optional.empty());
        } else {
            tell(
                    Check.END,
                    Outcome.PASSED,
                    word.organisation() + " signed that its log ended here, with control "
                            + word.control().hex(),
                    Optional.empty());
        }
    }

    // ---- the federation ----

    private boolean registry() {
        registries.put(registry.head(), registry);
        Map<Signed, Envelope> folded = new LinkedHashMap<>();
        int ignored = 0;
        for (Envelope entry : log.registry()) {
            if (entry.type() != MessageType.REGISTRY_ENTRY || !Signed.is(primitives, coordinator, entry)) {
                ignored++;
            } else if (!folded.containsKey(Signed.of(entry))) {
                try {
                    registry = registry.next(primitives, coordinator, entry);
                    registries.put(registry.head(), registry);
                    folded.put(Signed.of(entry), entry);
                } catch (PeerMisbehaved e) {
                    tell(
                            Check.REGISTRY,
                            Outcome.FAILED,
                            "after " + folded.size() + " entries: " + e.getMessage(),
                            Optional.of(gap(e, entry, folded.values())));
                    return false;
                }
            }
        }
        tell(
                Check.REGISTRY,
                Outcome.PASSED,
                folded.size() + " entries signed and chained; "
                        + registry.members().size() + " members, "
                        + registry.suspended().size() + " suspended, "
                        + registry.gone().size() + " gone" + ignored(ignored),
                Optional.empty());
        return true;
    }

    private void control() {
        Map<Signed, Envelope> folded = new LinkedHashMap<>();
        int ignored = 0;
        for (Envelope envelope : log.control()) {
            if (envelope.type() == MessageType.REGISTRY_ENTRY || !Signed.is(primitives, coordinator, envelope)) {
                // Whoever may write to the broker can put it there.
                ignored++;
            } else if (envelope.type() == MessageType.MODEL_KEYS) {
                remember(envelope);
            } else if (!folded.containsKey(Signed.of(envelope))) {
                try {
                    control = control.next(primitives, coordinator, envelope);
                    folded.put(Signed.of(envelope), envelope);
                } catch (PeerMisbehaved e) {
                    tell(
                            Check.CONTROL,
                            Outcome.FAILED,
                            "after " + folded.size() + " messages: " + e.getMessage() + "; what follows is not audited",
                            Optional.of(gap(e, envelope, folded.values())));
                    return;
                }
            }
        }
        Optional<Bytes> lost = anchor.verified()
                .filter(digest -> control.attempts().stream()
                        .flatMap(attempt -> attempt.closed().stream())
                        .noneMatch(closed -> closed.modelDigest().equals(digest)));
        if (lost.isPresent()) {
            tell(
                    Check.CONTROL,
                    Outcome.FAILED,
                    "this organisation has verified a version with digest "
                            + lost.get().hex() + " when it was made; no round in control made it: the log was cut",
                    Optional.of(new Evidence(
                            Evidence.KEEPER,
                            Refusal.FORKED_LOG.name(),
                            control.chain().last().stream().toList())));
            return;
        }
        String open = control.chain().open()
                ? "; round " + control.chain().round() + " attempt "
                        + control.chain().attempt() + " is not over"
                : "";
        tell(
                Check.CONTROL,
                Outcome.PASSED,
                folded.size() + " messages of " + control.attempts().size() + " attempts signed and chained" + open
                        + ignored(ignored),
                Optional.empty());
    }

    private void tell(Check check, Outcome outcome, String detail, Optional<Evidence> evidence) {
        told.accept(new Finding(Optional.empty(), check, outcome, detail, evidence));
    }

    private static String ignored(int records) {
        return records == 0 ? "" : "; " + records + " records are not the coordinator's and say nothing";
    }

    private void remember(Envelope envelope) {
        try {
            ModelKeys sealed = ModelKeys.parse(envelope.payload());
            if (envelope.transcript().equals(sealed.modelDigest())) {
                keys.remember(sealed);
            }
        } catch (MalformedMessage e) {
            throw new IllegalStateException("it was parsed when it was verified", e);
        }
    }

    /// A signed message that does not continue the log. It proves something against the coordinator if it signed
    /// another over the same transcript, or this one out of turn; else a message is missing or out of order.
    private static Evidence gap(PeerMisbehaved fault, Envelope envelope, Collection<Envelope> folded) {
        List<Envelope> same = folded.stream()
                .filter(before -> before.transcript().equals(envelope.transcript()))
                .toList();
        if (!same.isEmpty()) {
            return new Evidence(Topics.COORDINATOR, Refusal.EQUIVOCATION.name(), List.of(same.getFirst(), envelope));
        }
        if (fault.reason() != Refusal.OTHER_TRANSCRIPT) {
            return evidence(fault, List.of(envelope));
        }
        List<Envelope> shown = new ArrayList<>();
        folded.stream().reduce((earlier, later) -> later).ifPresent(shown::add);
        shown.add(envelope);
        return new Evidence(Evidence.KEEPER, fault.reason().name(), shown);
    }

    private static Evidence evidence(PeerMisbehaved fault, List<Envelope> messages) {
        return new Evidence(fault.who(), fault.reason().name(), messages);
    }
}
