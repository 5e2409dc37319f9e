package dev.sotto.crypto.secagg;

import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.RosterSealed;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.SealedBox;
import dev.sotto.schemas.SharesRouted;
import dev.sotto.schemas.SurvivorsSealed;
import dev.sotto.schemas.UnmaskRequested;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/// One attempt of a round as [Control] has it: signed by the coordinator, in order, each message over the transcript
/// before it. What the messages hold is verified here step by step, as a member verifies it that takes part; what
/// only that member can see, its own sealed shares, is not.
///
/// Immutable, thread-safe.
///
/// @param opened its parameters and T0
/// @param said   every message, the `RoundOpened` first
public record Attempt(Opened opened, List<Said> said) {
    /// One message of the coordinator.
    ///
    /// @param envelope as signed
    /// @param t        the transcript after it
    public record Said(Envelope envelope, Bytes t) {}

    /// Copies the list.
    public Attempt {
        said = List.copyOf(said);
    }

    Attempt with(Said next) {
        List<Said> more = new ArrayList<>(said);
        more.add(next);
        return new Attempt(opened, more);
    }

    /// What the coordinator said of this kind, if it did.
    public <M extends Message> Optional<M> message(Class<M> kind) {
        return said.stream()
                .map(Attempt::parsed)
                .filter(kind::isInstance)
                .map(kind::cast)
                .findFirst();
    }

    /// The same with the envelope and the transcript after it.
    public Optional<Said> said(Class<? extends Message> kind) {
        return said.stream().filter(one -> kind.isInstance(parsed(one))).findFirst();
    }

    /// How it was closed, if it was.
    public Optional<RoundClosed> closed() {
        return message(RoundClosed.class);
    }

    /// How it was aborted, if it was.
    public Optional<RoundAborted> aborted() {
        return message(RoundAborted.class);
    }

    /// T0 and every later T of the attempt: over one of them members sign what they say in it.
    public List<Bytes> transcripts() {
        return said.stream().map(Said::t).toList();
    }

    /// U1, checked (step 3).
    ///
    /// @param members the keys of the members at the attempt's registry head
    /// @throws PeerMisbehaved      blaming the coordinator
    /// @throws IllegalStateException if the attempt did not come so far: here and below the caller's bug
    public Roster roster(Primitives primitives, Directory members) throws PeerMisbehaved {
        return Roster.verify(
                primitives, members, opened, need(RosterSealed.class), t(RosterSealed.class), opened.fewest());
    }

    /// U2, checked with what the dealers signed (step 5), but for the sealed shares.
    ///
    /// @param inboxes every `SharesDealt` of the attempt; other messages are ignored
    /// @throws PeerMisbehaved blaming the coordinator, or a dealer whose message it should have refused
    public Routed routed(Primitives primitives, Directory members, Roster roster, Collection<Envelope> inboxes)
            throws PeerMisbehaved {
        return Routed.verify(primitives, members, roster, need(SharesRouted.class), t(SharesRouted.class), inboxes);
    }

    /// U3, checked (step 7), but for the manifests.
    ///
    /// @throws PeerMisbehaved blaming the coordinator
    public Survivors survivors(Routed routed) throws PeerMisbehaved {
        return Survivors.verify(routed, need(SurvivorsSealed.class), t(SurvivorsSealed.class));
    }

    /// At least t confirmations, checked (step 9).
    ///
    /// @throws PeerMisbehaved blaming the coordinator
    public Unmasking unmasking(Primitives primitives, Directory members, Survivors survivors) throws PeerMisbehaved {
        return Unmasking.verify(primitives, members, survivors, need(UnmaskRequested.class), t(UnmaskRequested.class));
    }

    /// The seed of the coordinator's round key, as the end of the attempt sealed it to a member: the caller's to close.
    /// Nothing if it was not sealed to it, or under another delivery key.
    public Optional<Secret> roundSeed(Primitives primitives, String member, Secret deliverySeed) {
        List<SealedBox> boxes = closed().map(RoundClosed::roundSeeds)
                .or(() -> aborted().map(RoundAborted::roundSeeds))
                .orElse(List.of());
        return said(UnmaskRequested.class)
                .flatMap(request -> roundSeed(primitives, opened.context(), request.t(), boxes, member, deliverySeed));
    }

    /// As above, at T4.
    static Optional<Secret> roundSeed(
            Primitives primitives,
            RoundContext context,
            Bytes t4,
            List<SealedBox> boxes,
            String member,
            Secret deliverySeed) {
        for (SealedBox box : boxes) {
            if (box.organisation().equals(member)) {
                try {
                    return Optional.of(primitives.open(deliverySeed, context.closedInfo(t4, member), box.box()));
                } catch (BoxRefused e) {
                    return Optional.empty();
                }
            }
        }
        return Optional.empty();
    }

    private <M extends Message> M need(Class<M> kind) {
        return message(kind).orElseThrow(() -> new IllegalStateException("the attempt has no " + kind.getSimpleName()));
    }

    private Bytes t(Class<? extends Message> kind) {
        return said(kind).orElseThrow().t();
    }

    private static Message parsed(Said one) {
        try {
            return Message.parse(one.envelope().type(), one.envelope().payload());
        } catch (MalformedMessage e) {
            throw new IllegalStateException("it was parsed when it was folded", e);
        }
    }
}
