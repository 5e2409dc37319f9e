package dev.sotto.crypto.secagg;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Decided;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SurvivorsLifted;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;

/// Where the director stands. Immutable, without secrets, and a fold: the same inputs in the same order give the same
/// state, so that a successor that reads the log continues.
///
/// @param phase    of the open attempt
/// @param chain    where `control` stands
/// @param deciding a proposal was made and has not come back from the leader's log yet
/// @param silent   members that declined or were refused in this attempt: nobody waits for them
/// @param sealed   the survivors that were sealed on an adapter, by its digest: a retry must seal the
///   same
/// @param lifted   what operators of members allowed since, by adapter and member
/// @param eligible for the cohort of the last attempt
/// @param leftOut  who is left out of the further attempts of this round, for having lied about shares in one
public record DirectorState(
        Phase phase,
        Chain chain,
        boolean deciding,
        Set<String> silent,
        Map<Bytes, List<String>> sealed,
        Map<Bytes, Map<String, SurvivorsLifted>> lifted,
        List<String> eligible,
        Set<String> leftOut) {
    /// Before any message.
    public static final DirectorState START = new DirectorState(
            new Phase.Between(), Chain.START, false, Set.of(), Map.of(), Map.of(), List.of(), Set.of());

    /// Copies the collections.
    public DirectorState {
        silent = Set.copyOf(silent);
        sealed = Map.copyOf(sealed);
        lifted = Map.copyOf(lifted);
        eligible = List.copyOf(eligible);
        leftOut = Set.copyOf(leftOut);
    }

    /// When the phase ends without those who have not answered; nothing, if no answer is waited for.
    public Optional<Instant> ends() {
        return switch (phase) {
            case Phase.Keys keys -> Optional.of(keys.patience().ends());
            case Phase.Shares shares -> Optional.of(shares.patience().ends());
            case Phase.Updates updates -> Optional.of(updates.patience().ends());
            case Phase.Confirmation confirmation ->
                Optional.of(confirmation.patience().ends());
            case Phase.Reveal reveal -> Optional.of(reveal.patience().ends());
            case Phase.Judging judging -> Optional.of(judging.ends());
            case Phase.Between between -> Optional.empty();
            case Phase.Past past -> Optional.empty();
            case Phase.Summing summing -> Optional.empty();
        };
    }

    DirectorState with(Phase next) {
        return new DirectorState(next, chain, deciding, silent, sealed, lifted, eligible, leftOut);
    }

    DirectorState deciding(boolean now) {
        return new DirectorState(phase, chain, now, silent, sealed, lifted, eligible, leftOut);
    }

    DirectorState silent(String member) {
        return new DirectorState(phase, chain, deciding, with(silent, member), sealed, lifted, eligible, leftOut);
    }

    DirectorState lifted(String member, SurvivorsLifted allowed) {
        Map<Bytes, Map<String, SurvivorsLifted>> more = new HashMap<>(lifted);
        Map<String, SurvivorsLifted> ofAdapter = new HashMap<>(more.getOrDefault(allowed.adapterDigest(), Map.of()));
        ofAdapter.put(member, allowed);
        more.put(allowed.adapterDigest(), Map.copyOf(ofAdapter));
        return new DirectorState(phase, chain, deciding, silent, sealed, more, eligible, leftOut);
    }

    DirectorState judged(String lied) {
        return new DirectorState(
                new Phase.Between(), chain, deciding, silent, sealed, lifted, eligible, with(leftOut, lied));
    }

    static Set<String> with(Set<String> members, String member) {
        Set<String> more = new HashSet<>(members);
        more.add(member);
        return more;
    }

    /// The part of an attempt. What was verified is a field of the phase that needs it.
    public sealed interface Phase {
        /// No attempt is open.
        record Between() implements Phase {}

        /// The attempt was aborted for a complaint: whoever complained opens its channel key, so that all see
        /// who lied.
        ///
        /// @param routed U2 of that attempt
        /// @param ends   when silence counts against the complainant
        record Judging(Routed routed, String complainant, String accused, Instant ends) implements Phase {}

        /// An attempt that is known to have ended is being folded.
        record Past(RoundOpened opened) implements Phase {}

        /// Members advertise keys.
        record Keys(Opened opened, SortedMap<String, Envelope> received, Patience patience) implements Phase {}

        /// Members deal shares.
        record Shares(Roster roster, SortedMap<String, Envelope> received, Patience patience) implements Phase {}

        /// Members train, and deliver.
        ///
        /// @param manifests by member
        /// @param delivered members whose chunks are all in the log, as the aggregators say
        /// @param complaint a complaint about a dealer, which ends the attempt
        record Updates(
                Routed routed,
                SortedMap<String, Manifest> manifests,
                SortedMap<String, Bytes> delivered,
                Optional<Envelope> complaint,
                Patience patience)
                implements Phase {}

        /// Members confirm U3.
        record Confirmation(Survivors survivors, SortedMap<String, Envelope> received, Patience patience)
                implements Phase {}

        /// Members reveal shares. They stay in their boxes until there are enough.
        record Reveal(Unmasking unmasking, SortedMap<String, Envelope> received, Patience patience) implements Phase {}

        /// Masks are coming off; the caller closes or aborts.
        ///
        /// @param revealed the `SharesRevealed` that counted
        record Summing(Unmasking unmasking, List<NamedHash> revealed) implements Phase {}
    }

    /// What can happen.
    public sealed interface Input {
        /// Propose to open an attempt; its parameters were made by the caller.
        record Open(RoundOpened message) implements Input {}

        /// A member's message from its inbox. After a restart the caller feeds the inboxes of the open
        /// attempt again once the leader's log is folded, in each phase: what is late or was counted is
        /// ignored.
        record Received(Envelope envelope) implements Input {}

        /// All chunks of a member are in the log and match this manifest.
        record Delivered(String member, Bytes manifestHash) implements Input {}

        /// Time went by.
        record Tick() implements Input {}

        /// A decision in the leader's log that belongs to an attempt whose end is in the log too. It is
        /// folded without what members said, which need not be there any more.
        record Ended(Decided decided) implements Input {}

        /// A decision came back from the leader's log. The step's `now` is that record's time.
        record Decision(Decided decided) implements Input {}

        /// The new version is published.
        record Close(long version, Bytes modelDigest, Bytes aggregateDigest) implements Input {}

        /// The sum cannot be used, or an operator ends the attempt.
        record Abort(String reason, String detail, List<Bytes> evidence) implements Input {
            /// Copies the list.
            public Abort {
                evidence = List.copyOf(evidence);
            }
        }
    }

    /// What the caller must do.
    public sealed interface Output {
        /// Append this to the leader's log; when it is read back, step with [Input.Decision].
        record Decide(Decided decided) implements Output {}

        /// Publish on `control`; safe to repeat after a restart, byte for byte the same.
        record Publish(Envelope envelope) implements Output {}

        /// A complaint is decided.
        ///
        /// @param liar the dealer who sealed something else than it committed to, or whoever complained
        ///   without reason
        record Judged(String liar, String complainant, String accused) implements Output {}

        /// A member has published evidence that it was told something else than others, or that a closed round
        /// does not recompute.
        record Disputed(String member, String reason) implements Output {}

        /// A member's message broke a rule.
        record Refused(PeerMisbehaved fault) implements Output {}

        /// Every seed is rebuilt: unmask the survivors' sum, then step with [Input.Close]. The caller
        /// closes the unmasker.
        record Unmask(Unmasking unmasking, Unmasker unmasker) implements Output {}
    }

    /// A state and what to do, in order.
    ///
    /// @param state   the next state
    /// @param outputs in order
    public record Transition(DirectorState state, List<Output> outputs) {
        /// Copies the list.
        public Transition {
            outputs = List.copyOf(outputs);
        }
    }
}
