package dev.sotto.schemas;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.schemas.fuzz.FuzzTarget;
import dev.sotto.schemas.fuzz.FuzzTargets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Every decoder of this module: a [MalformedMessage], or a value that encodes to the same bytes.
public final class FuzzTest extends FuzzTargets {
    @FunctionalInterface
    private interface Decoder {
        /// The decoded value, encoded again.
        Bytes again(Bytes input) throws MalformedMessage;
    }

    private static final List<MessageType> TYPES = List.of(MessageType.values());

    /// What an input's first byte chooses: each type of message, then the records that are none.
    private static final List<Decoder> DECODERS = decoders();

    @Override
    protected List<FuzzTarget> targets() {
        return List.of(
                new FuzzTarget("envelope", 2_000, List.of(envelope()), FuzzTest::envelope),
                new FuzzTarget("message", 10_000, messages(), FuzzTest::message));
    }

    private static List<Decoder> decoders() {
        List<Decoder> decoders = new ArrayList<>();
        for (MessageType type : TYPES) {
            decoders.add(input -> {
                Message message = Message.parse(type, input);
                assertThat(message.type()).isEqualTo(type);
                assertThat(message.toString()).isNotEmpty();
                return message.encode();
            });
        }
        decoders.add(input -> Decided.parse(input).encode());
        decoders.add(input -> ModelChunk.parse(input).encode());
        decoders.add(input -> Bytes.of(RevealedShares.parse(input.toArray()).encode()));
        return decoders;
    }

    private static boolean envelope(byte[] input) {
        return decodes(Bytes.of(input), bytes -> Envelope.decode(bytes).encode());
    }

    private static boolean message(byte[] input) {
        if (input.length == 0) {
            return false;
        }
        Decoder decoder = DECODERS.get((input[0] & 0xff) % DECODERS.size());
        return decodes(Bytes.of(input, 1, input.length - 1), decoder);
    }

    private static boolean decodes(Bytes input, Decoder decoder) {
        try {
            assertThat(decoder.again(input)).isEqualTo(input);
            return true;
        } catch (MalformedMessage refused) {
            assertThat(refused.getMessage()).isNotBlank();
            return false;
        }
    }

    private static Bytes envelope() {
        return new Envelope(
                        MessageType.SURVIVORS_CONFIRMED,
                        "north",
                        "bank",
                        Bytes.zeros(32),
                        Bytes.zeros(32),
                        Bytes.EMPTY,
                        Bytes.zeros(64))
                .encode();
    }

    private static List<Bytes> messages() {
        List<Bytes> seeds = new ArrayList<>();
        for (Message message : examples()) {
            seeds.add(seed(TYPES.indexOf(message.type()), message.encode()));
        }
        int records = TYPES.size();
        seeds.add(
                seed(records, new Decided(MessageType.ROUND_CLOSED, Bytes.zeros(32), Bytes.utf8("payload")).encode()));
        seeds.add(seed(records + 1, new ModelChunk(1, 2, 3, Bytes.zeros(20)).encode()));
        RevealedShares.Share share = new RevealedShares.Share("bank", new byte[32], new byte[32]);
        RevealedShares.Share dropped = new RevealedShares.Share("court", new byte[32], new byte[32]);
        seeds.add(seed(records + 2, Bytes.of(new RevealedShares(List.of(share), List.of(dropped)).encode())));
        return seeds;
    }

    private static Bytes seed(int decoder, Bytes encoded) {
        byte[] seed = new byte[1 + encoded.size()];
        seed[0] = (byte) decoder;
        encoded.copyTo(seed, 1);
        return Bytes.of(seed);
    }

    /// One of each type.
    private static List<Message> examples() {
        Bytes hash = Bytes.zeros(Limits.HASH);
        Bytes key = Bytes.zeros(Limits.XWING_PUBLIC_KEY);
        List<String> ids = List.of("bank", "clinic", "court");
        List<NamedHash> hashes = ids.stream().map(id -> new NamedHash(id, hash)).toList();
        List<Bytes> envelopes = List.of(envelope(), envelope());
        List<SealedBox> boxes = ids.stream()
                .map(id -> new SealedBox(id, Bytes.zeros(Limits.SEED_BOX)))
                .toList();
        return List.of(
                new RoundOpened(
                        3,
                        2,
                        hash,
                        ids,
                        ids,
                        2,
                        0,
                        0,
                        3,
                        24,
                        List.of(
                                new VectorLayout(
                                        "adapter",
                                        true,
                                        List.of(
                                                new TensorLayout("a", List.of(7, 11), -2),
                                                new TensorLayout("b", List.of(5), 1))),
                                new VectorLayout(
                                        "scalars", false, List.of(new TensorLayout("scalars", List.of(4, 4), 0)))),
                        1024,
                        "classes",
                        new Deadlines(10, 10, 100, 10, 10),
                        hash,
                        3,
                        hash,
                        new TrainingPlan(
                                "fedavg",
                                "sft",
                                "alpaca",
                                "lora",
                                8,
                                16,
                                List.of("q_proj", "v_proj"),
                                10,
                                8,
                                128,
                                1e-3,
                                0.0,
                                1.0,
                                0.1,
                                0.0,
                                1e-3),
                        hash,
                        key,
                        hash,
                        hash),
                new KeysAdvertised(key, key, hash),
                new RosterSealed(envelopes),
                new SharesDealt(
                        List.of(Bytes.zeros(Limits.SHARE_BOX), Bytes.zeros(Limits.SHARE_BOX)),
                        List.of(Bytes.zeros(Limits.XWING_CIPHERTEXT)),
                        hash,
                        hash,
                        List.of(hash, hash, hash),
                        List.of(hash, hash, hash)),
                new SharesRouted(hashes),
                new UpdateManifest(List.of(
                        new UpdateManifest.VectorHashes("adapter", List.of(hash, hash)),
                        new UpdateManifest.VectorHashes("scalars", List.of(hash)))),
                new UpdateChunk("adapter", 1, Bytes.zeros(12)),
                new SurvivorsSealed(hashes),
                new SurvivorsConfirmed(),
                new UnmaskRequested(envelopes),
                new SharesRevealed(Bytes.zeros(Limits.SEED_BOX)),
                new RoundClosed(4, hash, hash, boxes, hashes),
                new RoundAborted("TOO_FEW", "2 members, need 3", envelopes, boxes, Optional.of("bank")),
                new RoundDeclined("POLICY", "outside opening hours"),
                new Complaint("court", "SEALED_SHARE"),
                new ChannelOpened(hash),
                new Disputed("OTHER_RESULT", envelopes),
                new SurvivorsLifted(hash, ids, List.of("bank", "clinic", "ministry")),
                new PeersApproved(List.of(new PeersApproved.Peer("bank", hash), new PeersApproved.Peer("court", hash))),
                new RegistryEntry.Enrolled("bank", 1, "bank", hash, key, Bytes.zeros(64), "1f"),
                new RegistryEntry.Revoked("bank", "left"),
                new RegistryEntry.Suspended("bank", "under review"),
                new RegistryEntry.Resumed("bank"),
                new RegistryEntry.Left("bank", "", Bytes.zeros(Limits.SIGNATURE)),
                new ModelKeys(4, hash, hash, boxes));
    }
}
