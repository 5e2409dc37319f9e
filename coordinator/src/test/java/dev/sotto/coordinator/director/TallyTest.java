package dev.sotto.coordinator.director;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.coordinator.slots.SlotRecord;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Two slots have chunks in every test.
class TallyTest {
    private static final Bytes ASKED = Enc.hash("asked");
    private static final Bytes T2 = Enc.hash("T2");
    private static final Bytes T4 = Enc.hash("T4");
    private static final Bytes MANIFEST = Enc.hash("manifest");

    private final Tally tally = new Tally();

    private void tell(int slot, Bytes question, Bytes t2, SlotRecord.Delivery... deliveries) {
        tally.take(new SlotRecord.Delivered(slot, question, t2, List.of(deliveries)));
    }

    private static SlotRecord.Delivery of(String member, long bytes) {
        return new SlotRecord.Delivery(member, MANIFEST, bytes);
    }

    @Test
    void member_hasDeliveredWhenEverySlotSaysSo() {
        tell(0, ASKED, T2, of("acme", 5), of("bank", 7));
        assertThat(tally.delivered(T2, 2)).isEmpty();
        tell(1, ASKED, T2, of("acme", 6));
        assertThat(tally.delivered(T2, 2)).isEqualTo(Map.of("acme", MANIFEST));
        assertThat(tally.bytes(T2, "acme")).isEqualTo(11);
        assertThat(tally.delivered(Enc.hash("other"), 2)).isEmpty();
    }

    @Test
    void member_underTwoManifests_hasNotDelivered() {
        tell(0, ASKED, T2, of("acme", 5));
        tell(1, ASKED, T2, new SlotRecord.Delivery("acme", Enc.hash("another"), 5));
        assertThat(tally.delivered(T2, 2)).isEmpty();
    }

    /// Its next owner begins anew.
    @Test
    void slot_thatSaysLess_isBelieved() {
        tell(0, ASKED, T2, of("acme", 5));
        tell(1, ASKED, T2, of("acme", 5));
        tell(1, Enc.hash("asked again"), T2);
        assertThat(tally.delivered(T2, 2)).isEmpty();
    }

    @Test
    void question_isAnsweredWhenEverySlotHas_forThisAttempt() {
        tell(0, ASKED, T2);
        assertThat(tally.hasAnswered(ASKED, T2, 2)).isFalse();
        tell(1, Bytes.EMPTY, T2);
        assertThat(tally.hasAnswered(ASKED, T2, 2)).isFalse();
        tell(1, ASKED, Enc.hash("earlier"));
        assertThat(tally.hasAnswered(ASKED, T2, 2)).isFalse();
        tell(1, ASKED, T2);
        assertThat(tally.hasAnswered(ASKED, T2, 2)).isTrue();
    }

    @Test
    void parts_areThereWhenEverySlotHasSummed() {
        Bytes part = Bytes.utf8("sealed");
        tally.take(new SlotRecord.Summed(0, T4, part));
        tally.take(new SlotRecord.Summed(1, Enc.hash("earlier"), part));
        assertThat(tally.parts(T4, 2)).isEmpty();
        tally.take(new SlotRecord.Summed(1, T4, part));
        tally.take(new SlotRecord.Summed(1, T4, part));
        assertThat(tally.parts(T4, 2))
                .hasValueSatisfying(parts -> assertThat(parts).hasSize(2));
    }

    @Test
    void scalarsAndFailures_areOfOneAttempt() {
        tally.take(new SlotRecord.Scalars(T4, Bytes.zeros(64)));
        tally.take(new SlotRecord.Failed(1, T4, "out of range"));
        assertThat(tally.scalars(T4)).contains(Bytes.zeros(64));
        assertThat(tally.failed(T4)).contains("out of range");
        assertThat(tally.scalars(T2)).isEmpty();
        assertThat(tally.failed(T2)).isEmpty();
    }
}
