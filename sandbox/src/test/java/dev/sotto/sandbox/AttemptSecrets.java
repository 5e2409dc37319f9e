package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.mask.RoundContext.Kind;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Attempt;
import dev.sotto.crypto.secagg.Control;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.KeysAdvertised;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RosterSealed;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SharesDealt;
import dev.sotto.schemas.SharesRouted;
import dev.sotto.schemas.UnmaskRequested;
import dev.sotto.schemas.VectorLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/// Every secret of an attempt that no file and no message holds (protocol §3), made again from the random numbers that
/// were drawn, the salt that each member keeps, and the log; each is checked against what the log commits to.
final class AttemptSecrets {
    private final BouncyCastlePrimitives primitives = new BouncyCastlePrimitives();
    private final List<Bytes> draws;
    private final Map<String, Bytes> salts;
    private final Phrases found;

    /// What one member has published, and what it kept to itself.
    private record Member(
            String id,
            KeysAdvertised keys,
            SharesDealt dealt,
            Bytes master,
            Bytes selfMask,
            Bytes channelSeed,
            Bytes maskSeed) {}

    /// @param draws all that may have been drawn
    /// @param salts of every organisation
    /// @param found takes the secrets
    AttemptSecrets(List<Bytes> draws, Map<String, Bytes> salts, Phrases found) {
        this.draws = draws;
        this.salts = salts;
        this.found = found;
    }

    /// Of all attempts whose shares were routed.
    ///
    /// @return of how many
    int of(Bytes coordinatorKey, Bytes roundSecret, List<Envelope> log, List<Envelope> inboxes) throws Exception {
        Directory directory = new Directory(dev.sotto.sandbox.demo.Federation.ID, coordinatorKey, Map.of(), Map.of());
        Control control = Control.START;
        for (Envelope envelope : log) {
            if (envelope.type() != MessageType.MODEL_KEYS) {
                control = control.next(primitives, directory, envelope);
            }
        }
        int whole = 0;
        for (Attempt attempt : control.attempts()) {
            if (attempt.said(SharesRouted.class).isPresent()) {
                of(attempt, inboxes);
                ofTheCoordinator(attempt, roundSecret);
                whole++;
            }
        }
        return whole;
    }

    private void of(Attempt attempt, List<Envelope> inboxes) throws Exception {
        RoundOpened opened = attempt.opened().message();
        RoundContext context = attempt.opened().context();
        Bytes t0 = attempt.opened().t0();
        Bytes t1 = attempt.said(RosterSealed.class).orElseThrow().t();
        Bytes t2 = attempt.said(SharesRouted.class).orElseThrow().t();
        Map<String, KeysAdvertised> keys = new TreeMap<>();
        for (Bytes signed : attempt.message(RosterSealed.class).orElseThrow().keysAdvertised()) {
            Envelope envelope = Envelope.decode(signed);
            keys.put(envelope.sender(), KeysAdvertised.parse(envelope.payload()));
        }
        Map<String, SharesDealt> dealt = new TreeMap<>();
        for (Envelope envelope : inboxes) {
            if (envelope.type() == MessageType.SHARES_DEALT
                    && envelope.transcript().equals(t1)) {
                dealt.put(envelope.sender(), SharesDealt.parse(envelope.payload()));
            }
        }
        assertThat(dealt).containsOnlyKeys(keys.keySet());
        List<Member> roster = new ArrayList<>();
        keys.forEach((id, advertised) ->
                roster.add(member(context, t0, t1, id, advertised, Objects.requireNonNull(dealt.get(id)))));
        for (int i = 0; i < roster.size(); i++) {
            Member dealer = roster.get(i);
            for (VectorLayout vector : opened.layout()) {
                take(context.selfStreamKey(secret(dealer.selfMask()), t2, dealer.id(), vector.name()));
            }
            for (int j = 0; j < roster.size(); j++) {
                if (i != j) {
                    Member receiver = roster.get(j);
                    // Both shares and their salts.
                    take(primitives.open(
                            secret(receiver.channelSeed()),
                            context.shareInfo(t1, dealer.id(), receiver.id()),
                            dealer.dealt().boxes().get(j < i ? j : j - 1)));
                }
            }
            for (Member later : roster.subList(i + 1, roster.size())) {
                take(context.coins(
                        secret(dealer.master()),
                        t1,
                        dealer.id(),
                        later.id(),
                        later.keys().maskKey()));
                Bytes ciphertext = dealer.dealt().ciphertexts().get(roster.indexOf(later) - i - 1);
                Bytes kem = take(primitives.decapsulate(secret(later.maskSeed()), ciphertext));
                Bytes pair = take(context.pairSeed(secret(kem), t2, dealer.id(), later.id(), ciphertext));
                for (VectorLayout vector : opened.layout()) {
                    take(context.pairStreamKey(secret(pair), t2, dealer.id(), later.id(), vector.name()));
                }
            }
        }
    }

    /// Found among all that was drawn by what the member has published.
    private Member member(RoundContext context, Bytes t0, Bytes t1, String id, KeysAdvertised keys, SharesDealt dealt) {
        Bytes salt = Objects.requireNonNull(salts.get(id));
        List<Bytes> masters = new ArrayList<>();
        List<Bytes> selfMasks = new ArrayList<>();
        List<Bytes> channels = new ArrayList<>();
        for (Bytes draw : draws) {
            Bytes master = bytes(context.draw(secret(salt), secret(draw), t0, id, "m"));
            if (context.commitment(t1, id, Kind.MASK, secret(master)).equals(dealt.maskCommitment())) {
                masters.add(master);
            }
            Bytes selfMask = bytes(context.draw(secret(salt), secret(draw), t0, id, "b"));
            if (context.commitment(t1, id, Kind.SELF, secret(selfMask)).equals(dealt.selfCommitment())) {
                selfMasks.add(selfMask);
            }
            Bytes channel = bytes(context.draw(secret(salt), secret(draw), t0, id, "channel"));
            if (primitives.kemKey(secret(channel)).equals(keys.channelKey())) {
                channels.add(channel);
            }
        }
        assertThat(masters).as("m of " + id).hasSize(1);
        assertThat(selfMasks).as("b of " + id).hasSize(1);
        assertThat(channels).as("channel of " + id).hasSize(1);
        Bytes maskSeed = take(context.maskSeed(secret(masters.getFirst()), t0, id));
        assertThat(primitives.kemKey(secret(maskSeed))).isEqualTo(keys.maskKey());
        for (List<Bytes> own : List.of(masters, selfMasks, channels)) {
            found.bytes(own.getFirst().toArray());
        }
        return new Member(id, keys, dealt, masters.getFirst(), selfMasks.getFirst(), channels.getFirst(), maskSeed);
    }

    private void ofTheCoordinator(Attempt attempt, Bytes roundSecret) {
        RoundContext context = attempt.opened().context();
        Bytes seed = take(context.roundKeySeed(
                secret(roundSecret), attempt.opened().message().nonce()));
        assertThat(primitives.kemKey(secret(seed)))
                .isEqualTo(attempt.opened().message().roundKey());
        attempt.said(UnmaskRequested.class)
                .ifPresent(request -> take(context.modelKey(secret(roundSecret), request.t())));
    }

    private static Secret secret(Bytes bytes) {
        return Secret.take(bytes.toArray());
    }

    private Bytes take(Secret secret) {
        Bytes bytes = bytes(secret);
        found.bytes(bytes.toArray());
        return bytes;
    }

    private static Bytes bytes(Secret secret) {
        try (secret) {
            return Bytes.of(secret.expose(InsecureSecretAccess.get()));
        }
    }
}
