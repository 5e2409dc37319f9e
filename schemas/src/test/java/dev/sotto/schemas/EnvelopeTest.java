package dev.sotto.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class EnvelopeTest {
    private static final Envelope ENVELOPE = new Envelope(
            MessageType.SURVIVORS_CONFIRMED,
            "north",
            "bank",
            Bytes.zeros(32),
            Bytes.zeros(32),
            Bytes.EMPTY,
            Bytes.zeros(64));

    @Test
    void decode_ownEncoding_isTheSame() throws MalformedMessage {
        assertThat(Envelope.decode(ENVELOPE.encode())).isEqualTo(ENVELOPE);
    }

    @Test
    void decode_trailingOrMissingBytes_isRefused() {
        byte[] bytes = ENVELOPE.encode().toArray();
        for (int length = 0; length < bytes.length; length++) {
            Bytes cut = Bytes.of(bytes, 0, length);
            assertThatThrownBy(() -> Envelope.decode(cut)).isInstanceOf(MalformedMessage.class);
        }
        // Field 15, a varint: protobuf would keep it as unknown.
        byte[] longer = Arrays.copyOf(bytes, bytes.length + 2);
        longer[bytes.length] = 15 << 3;
        assertThatThrownBy(() -> Envelope.decode(Bytes.of(longer))).isInstanceOf(MalformedMessage.class);
    }

    @Test
    void envelope_memberMessageFromTheCoordinator_isRefused() {
        assertThatThrownBy(() -> new Envelope(
                        MessageType.ROSTER_SEALED,
                        "north",
                        "bank",
                        Bytes.zeros(32),
                        Bytes.zeros(32),
                        Bytes.EMPTY,
                        Bytes.zeros(64)))
                .hasMessageContaining("must be sent by");
    }

    /// Whatever bytes a peer sends: a message or [MalformedMessage], never another exception.
    @Property(tries = 2000)
    void decode_anyBytes_neverThrowsUnchecked(@ForAll @Size(max = 300) byte[] bytes) {
        for (MessageType type : MessageType.values()) {
            try {
                Message message = Message.parse(type, Bytes.of(bytes));
                assertThat(message.encode()).isEqualTo(Bytes.of(bytes));
            } catch (MalformedMessage expected) {
                assertThat(expected.getMessage()).isNotBlank();
            }
        }
        try {
            assertThat(Envelope.decode(Bytes.of(bytes)).encode()).isEqualTo(Bytes.of(bytes));
        } catch (MalformedMessage expected) {
            assertThat(expected.getMessage()).isNotBlank();
        }
    }

    @Test
    void parse_everyBitOfAMessageFlipped_isRefusedOrAnotherMessage() {
        Message message = new SurvivorsSealed(List.of(
                new NamedHash("bank", Bytes.zeros(32)),
                new NamedHash("clinic", Bytes.zeros(32)),
                new NamedHash("ministry", Bytes.zeros(32))));
        byte[] bytes = message.encode().toArray();
        for (int bit = 0; bit < 8 * bytes.length; bit++) {
            byte[] flipped = bytes.clone();
            flipped[bit / 8] ^= (byte) (1 << bit % 8);
            try {
                assertThat(Message.parse(message.type(), Bytes.of(flipped))).isNotEqualTo(message);
            } catch (MalformedMessage expected) {
                assertThat(expected.getMessage()).isNotBlank();
            }
        }
    }
}
