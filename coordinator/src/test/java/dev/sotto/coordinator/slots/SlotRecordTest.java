package dev.sotto.coordinator.slots;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SlotRecordTest {
    private static final Bytes HASH = Enc.hash("any");

    static Stream<SlotRecord> records() {
        return Stream.of(
                new SlotRecord.Asked(HASH),
                new SlotRecord.Delivered(2, HASH, HASH, List.of(new SlotRecord.Delivery("acme", HASH, 1L << 40))),
                new SlotRecord.Delivered(0, Bytes.EMPTY, HASH, List.of()),
                new SlotRecord.Scalars(HASH, Bytes.zeros(64)),
                new SlotRecord.Summed(3, HASH, Bytes.zeros(70_000)),
                new SlotRecord.Failed(1, HASH, "the sum at coordinate 7 is 9"));
    }

    @ParameterizedTest
    @MethodSource("records")
    void record_isReadAsItWasWritten(SlotRecord record) throws Exception {
        assertThat(SlotRecord.parse(record.encode())).isEqualTo(record);
    }

    @ParameterizedTest
    @MethodSource("records")
    void record_thatEndsTooSoonOrTooLate_isRefused(SlotRecord record) {
        byte[] whole = record.encode().toArray();
        for (int length = 0; length < whole.length; length += Math.max(1, length / 8)) {
            Bytes some = Bytes.of(Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> SlotRecord.parse(some)).isInstanceOf(MalformedMessage.class);
        }
        assertThatThrownBy(() -> SlotRecord.parse(Bytes.of(Arrays.copyOf(whole, whole.length + 1))))
                .isInstanceOf(MalformedMessage.class)
                .hasMessageContaining("canonical");
    }

    @Test
    void kind_thatNobodyKnows_isRefused() {
        assertThatThrownBy(() -> SlotRecord.parse(Bytes.of(new byte[] {9})))
                .isInstanceOf(MalformedMessage.class)
                .hasMessageContaining("unknown kind");
    }
}
