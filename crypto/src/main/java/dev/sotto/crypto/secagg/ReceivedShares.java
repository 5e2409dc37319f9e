package dev.sotto.crypto.secagg;

import dev.sotto.crypto.mask.RoundContext.Kind;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RevealedShares;
import dev.sotto.schemas.SharesDealt;

/// One dealer's shares of m and b for one receiver, with their salts: 128 bytes. The receiver closes it.
record ReceivedShares(String dealer, Secret maskShare, Secret maskSalt, Secret selfShare, Secret selfSalt)
        implements AutoCloseable {
    private static final int SIZE = 32;

    /// share_m, salt_m, share_b, salt_b.
    Secret plain() {
        byte[] plain = new byte[4 * SIZE];
        int at = 0;
        for (Secret part : new Secret[] {maskShare, maskSalt, selfShare, selfSalt}) {
            System.arraycopy(part.expose(InsecureSecretAccess.get()), 0, plain, at, SIZE);
            at += SIZE;
        }
        return Secret.take(plain);
    }

    /// Opens a dealer's box and checks the shares against its commitments (step 5).
    ///
    /// @throws PeerMisbehaved blaming the dealer, which a complaint then proves or refutes
    static ReceivedShares open(Primitives primitives, Routed routed, String dealer, String receiver, Secret channelSeed)
            throws PeerMisbehaved {
        Roster roster = routed.roster();
        var context = roster.context();
        try (Secret plain = primitives.open(
                channelSeed, context.shareInfo(roster.t1(), dealer, receiver), routed.box(dealer, receiver))) {
            byte[] bytes = plain.expose(InsecureSecretAccess.get());
            ReceivedShares shares = new ReceivedShares(
                    dealer,
                    Secret.copyOf(bytes, 0, SIZE),
                    Secret.copyOf(bytes, SIZE, SIZE),
                    Secret.copyOf(bytes, 2 * SIZE, SIZE),
                    Secret.copyOf(bytes, 3 * SIZE, SIZE));
            SharesDealt dealt = routed.dealer(dealer);
            int place = roster.indexOf(receiver);
            Bytes mask = context.shareCommitment(
                    roster.t1(), dealer, receiver, Kind.MASK, shares.maskSalt, shares.maskShare);
            Bytes self = context.shareCommitment(
                    roster.t1(), dealer, receiver, Kind.SELF, shares.selfSalt, shares.selfShare);
            if (!mask.equals(dealt.maskShareCommitments().get(place))
                    || !self.equals(dealt.selfShareCommitments().get(place))) {
                shares.close();
                throw new PeerMisbehaved(
                        Refusal.COMMITMENT, dealer, "its share for " + receiver + " is not what it committed to");
            }
            return shares;
        } catch (BoxRefused e) {
            throw new PeerMisbehaved(Refusal.SEALED_SHARE, dealer, "its box for " + receiver + " does not open");
        }
    }

    /// For a survivor: the share of its self mask, and never the other. The caller closes it.
    RevealedShares.Share revealSelf() {
        return new RevealedShares.Share(dealer, bytes(selfShare), bytes(selfSalt));
    }

    /// For a dropped member: the share of its master, and never the other. The caller closes it.
    RevealedShares.Share revealMask() {
        return new RevealedShares.Share(dealer, bytes(maskShare), bytes(maskSalt));
    }

    /// The dealer's own share of its master is never revealed and not kept (protocol §3).
    void discardMask() {
        maskShare.close();
        maskSalt.close();
    }

    /// A copy, for the revealed share to own.
    private static byte[] bytes(Secret secret) {
        return secret.expose(InsecureSecretAccess.get()).clone();
    }

    @Override
    public void close() {
        maskShare.close();
        maskSalt.close();
        selfShare.close();
        selfSalt.close();
    }
}
