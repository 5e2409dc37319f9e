package dev.sotto.crypto.secagg;

import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;

/// Where a member stands. A state owns its secrets: [Member#step] wipes those that the next state does
/// not need. What was verified is a field of the state that needs it.
public sealed interface MemberState extends AutoCloseable {
    /// Where the member stands in `control`.
    Chain chain();

    /// Wipes every secret of this state.
    @Override
    default void close() {}

    /// No attempt is open. Next: [Advertised], or [Bystander].
    record Idle(Chain chain) implements MemberState {}

    /// An attempt is open in which this member takes no part, or no longer does. It folds, and says
    /// nothing. Next: [Idle].
    ///
    /// @param why   one sentence
    /// @param fault the rule that the coordinator broke after it had opened this attempt: a version that the
    ///   attempt makes all the same is disputed
    record Bystander(Chain chain, String why, Optional<PeerMisbehaved> fault) implements MemberState {
        Bystander(Chain chain, String why) {
            this(chain, why, Optional.empty());
        }
    }

    /// It has advertised keys. Next: [Dealt].
    record Advertised(Chain chain, Opened opened, Envelope sent, Secret master, Secret selfMask, Secret channelSeed)
            implements MemberState {
        @Override
        public void close() {
            master.close();
            selfMask.close();
            channelSeed.close();
        }
    }

    /// It has dealt shares. The master is gone; the KEM secrets of its own ciphertexts, by later member,
    /// wait for T2. Next: [Training], or [Complained].
    record Dealt(
            Chain chain,
            Roster roster,
            Bytes sentHash,
            Secret maskSeed,
            Secret selfMask,
            Secret channelSeed,
            ReceivedShares ownShare,
            Map<String, Secret> kemSecrets)
            implements MemberState {
        @Override
        public void close() {
            maskSeed.close();
            selfMask.close();
            channelSeed.close();
            ownShare.close();
            kemSecrets.values().forEach(Secret::close);
        }
    }

    /// A dealer's shares were wrong. When the attempt is aborted it opens its channel key, so that all
    /// see who lied.
    record Complained(Chain chain, Secret channelSeed) implements MemberState {
        @Override
        public void close() {
            channelSeed.close();
        }
    }

    /// Shares hold; the caller trains. Next: [Delivered].
    record Training(
            Chain chain,
            Routed routed,
            Secret selfMask,
            Map<String, Secret> pairSeeds,
            SortedMap<String, ReceivedShares> shares)
            implements MemberState {
        @Override
        public void close() {
            selfMask.close();
            pairSeeds.values().forEach(Secret::close);
            shares.values().forEach(ReceivedShares::close);
        }
    }

    /// The spool is complete and every masking secret is gone. Next: [Confirmed].
    record Delivered(Chain chain, Routed routed, Bytes manifestHash, SortedMap<String, ReceivedShares> shares)
            implements MemberState {
        @Override
        public void close() {
            shares.values().forEach(ReceivedShares::close);
        }
    }

    /// It has confirmed U3. Next: [Revealed].
    record Confirmed(Chain chain, Survivors survivors, SortedMap<String, ReceivedShares> shares)
            implements MemberState {
        @Override
        public void close() {
            shares.values().forEach(ReceivedShares::close);
        }
    }

    /// It has revealed, and holds no secret. Next: [Idle].
    record Revealed(Chain chain, Unmasking unmasking) implements MemberState {}

    /// A state and what the caller must now do, in order, before the next step.
    ///
    /// @param state   the next state; the one given to the step must not be used again
    /// @param outputs in order
    record Transition(MemberState state, List<MemberOutput> outputs) {
        /// Copies the list.
        public Transition {
            outputs = List.copyOf(outputs);
        }
    }
}
