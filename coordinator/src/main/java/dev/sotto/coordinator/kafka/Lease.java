package dev.sotto.coordinator.kafka;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;

/// A replica's membership of a group that shares a topic's partitions: who has one, does the work that goes with it. A
/// replica that is not heard of for the group's session loses all; that it may not know so is why the one that follows
/// it also fences its [Writer].
///
/// Nothing is read through it. Its methods may be called from any thread.
public final class Lease implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(500);
    private static final Duration LEAVING = Duration.ofSeconds(2);

    /// Who wants partitions. Called on the lease's thread, which must not be held up for longer than minutes.
    public interface Holder {
        /// This partition is this replica's.
        void held(int partition);

        /// It is no longer.
        void lost(int partition);

        /// The group cannot be a place to wait any more.
        void failed(Throwable cause);
    }

    private final Consumer<byte[], byte[]> member;
    private final String topic;
    private final Holder holder;
    private final Thread thread;
    private final AtomicBoolean resigning = new AtomicBoolean();
    private volatile boolean joined;
    private volatile boolean closed;

    /// Does nothing yet.
    ///
    /// @param member of the group, subscribed to nothing; this lease's from now on
    /// @param topic  whose partitions are shared
    public Lease(Consumer<byte[], byte[]> member, String topic, Holder holder) {
        this.member = member;
        this.topic = topic;
        this.holder = holder;
        this.thread = Thread.ofPlatform().name("lease of " + topic).unstarted(this::run);
    }

    /// Joins the group.
    public void start() {
        thread.start();
    }

    /// Whether the group knows this replica.
    public boolean isJoined() {
        return joined && thread.isAlive();
    }

    /// Gives up what this replica has, and waits for partitions again.
    public void resign() {
        resigning.set(true);
        member.wakeup();
    }

    /// Leaves the group: other replicas have its partitions at once.
    @Override
    public void close() {
        closed = true;
        member.wakeup();
        try {
            thread.join(2 * LEAVING.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        Rebalances rebalances = new Rebalances();
        try {
            member.subscribe(List.of(topic), rebalances);
            while (!closed) {
                if (resigning.getAndSet(false)) {
                    member.unsubscribe();
                    member.subscribe(List.of(topic), rebalances);
                }
                poll();
            }
        } catch (RuntimeException e) {
            holder.failed(e);
        } finally {
            // A static member stays in the group by default, for the length of a session.
            member.close(CloseOptions.timeout(LEAVING)
                    .withGroupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP));
        }
    }

    private void poll() {
        try {
            var _ = member.poll(POLL);
        } catch (WakeupException e) {
            // To resign, or to end.
        }
    }

    private final class Rebalances implements ConsumerRebalanceListener {
        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            joined = true;
            if (!partitions.isEmpty()) {
                member.seekToEnd(partitions);
                member.pause(partitions);
                partitions.forEach(partition -> holder.held(partition.partition()));
            }
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            partitions.forEach(partition -> holder.lost(partition.partition()));
        }

        @Override
        public void onPartitionsLost(Collection<TopicPartition> partitions) {
            joined = false;
            onPartitionsRevoked(partitions);
        }
    }
}
