package dev.sotto.coordinator.kafka;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.junit.jupiter.api.Test;

class LeaseTest {
    private static final String TOPIC = "sotto.north.leader";
    private static final TopicPartition PARTITION = new TopicPartition(TOPIC, 0);

    private final MockConsumer<byte[], byte[]> member = new MockConsumer<>("latest");
    private final BlockingQueue<String> heard = new LinkedBlockingQueue<>();
    private final Lease lease = new Lease(member, TOPIC, new Lease.Holder() {
        @Override
        public void held(int partition) {
            heard.add("held " + partition);
        }

        @Override
        public void lost(int partition) {
            heard.add("lost " + partition);
        }

        @Override
        public void failed(Throwable cause) {
            heard.add(cause.getClass().getSimpleName());
        }
    });

    @Test
    void partition_thatComesAndGoes_isTold() throws Exception {
        member.updateEndOffsets(Map.of(PARTITION, 7L));
        lease.start();
        assertThat(lease.isJoined()).isFalse();
        member.schedulePollTask(() -> member.rebalance(List.of(PARTITION)));
        assertThat(next()).isEqualTo("held 0");
        assertThat(lease.isJoined()).isTrue();
        member.schedulePollTask(() -> member.rebalance(List.of()));
        assertThat(next()).isEqualTo("lost 0");
        lease.close();
        assertThat(member.closed()).isTrue();
        assertThat(heard).isEmpty();
    }

    @Test
    void standby_isJoinedWithoutThePartition() throws Exception {
        lease.start();
        member.schedulePollTask(() -> {
            member.rebalance(List.of());
            heard.add("rebalanced");
        });
        assertThat(next()).isEqualTo("rebalanced");
        assertThat(lease.isJoined()).isTrue();
        lease.close();
        assertThat(heard).isEmpty();
    }

    @Test
    void memberThatIsReplaced_fails() throws Exception {
        member.schedulePollTask(() -> member.setPollException(new FencedInstanceIdException("another one")));
        lease.start();
        assertThat(next()).isEqualTo("FencedInstanceIdException");
        lease.close();
        assertThat(lease.isJoined()).isFalse();
    }

    private String next() throws InterruptedException {
        return String.valueOf(heard.poll(20, TimeUnit.SECONDS));
    }
}
