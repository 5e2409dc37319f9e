package dev.sotto.coordinator.director;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.junit.jupiter.api.Test;

class OfficeTest {
    private final List<String> log = new ArrayList<>();
    private final List<Consumer<Throwable>> failures = new ArrayList<>();
    private final List<RuntimeException> refusals = new ArrayList<>();
    private final Office<AutoCloseable> office = new Office<>(
            Runnable::run, this::begin, () -> log.add("resign"), cause -> log.add("fatal " + cause.getMessage()));

    private AutoCloseable begin(Consumer<Throwable> failed) {
        if (!refusals.isEmpty()) {
            throw refusals.removeFirst();
        }
        failures.add(failed);
        int number = failures.size();
        log.add("begin " + number);
        return () -> log.add("end " + number);
    }

    @Test
    void standby_doesNotDirect() {
        assertThat(office.present()).isEmpty();
        assertThatThrownBy(office::term).isInstanceOf(NotDirecting.class).hasMessageContaining("stands by");
        office.lost(0);
        assertThat(log).isEmpty();
    }

    @Test
    void lease_thatIsLostAndComesBack_makesANewTerm() {
        office.held(0);
        assertThat(office.term()).isNotNull();
        office.lost(0);
        assertThat(office.present()).isEmpty();
        office.held(0);
        assertThat(log).containsExactly("begin 1", "end 1", "begin 2");
    }

    @Test
    void lease_thatComesAgainUnasked_endsTheTermFirst() {
        office.held(0);
        office.held(0);
        assertThat(log).containsExactly("begin 1", "end 1", "begin 2");
    }

    @Test
    void directorThatIsFenced_standsByAndWaitsForTheLeaseAgain() {
        office.held(0);
        failures.getFirst().accept(new KafkaException("in error state", new InvalidProducerEpochException("old")));
        assertThat(office.present()).isEmpty();
        assertThat(log).containsExactly("begin 1", "end 1", "resign");
    }

    @Test
    void directorThatIsFencedWhileItTakesOver_standsBy() {
        refusals.add(new NotDirecting(new ProducerFencedException("old")));
        office.held(0);
        assertThat(office.present()).isEmpty();
        assertThat(log).containsExactly("resign");
    }

    @Test
    void termThatHasEnded_cannotEndTheNextOne() {
        office.held(0);
        office.lost(0);
        office.held(0);
        failures.getFirst().accept(new ProducerFencedException("old"));
        failures.getFirst().accept(new IllegalStateException("old"));
        assertThat(office.present()).isPresent();
        assertThat(log).containsExactly("begin 1", "end 1", "begin 2");
    }

    @Test
    void anythingElse_isFatal() {
        office.held(0);
        failures.getFirst().accept(new IllegalStateException("a bug"));
        office.failed(new IllegalStateException("no group"));
        assertThat(log).containsExactly("begin 1", "fatal a bug", "fatal no group");
    }

    @Test
    void officeThatIsClosed_beginsNoMore() {
        office.held(0);
        office.close();
        office.held(0);
        assertThat(office.present()).isEmpty();
        assertThat(log).containsExactly("begin 1", "end 1");
    }
}
