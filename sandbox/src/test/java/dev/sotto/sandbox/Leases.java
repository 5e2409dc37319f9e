package dev.sotto.sandbox;

import dev.sotto.schemas.Topics;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicPartition;

/// Which replica of the coordinator has what, as the broker knows it.
final class Leases implements AutoCloseable {
    private final Admin admin;
    private final Topics topics;

    /// @param operator who may describe groups
    @SuppressWarnings("MissingSummary")
    Leases(Map<String, Object> operator, Topics topics) {
        this.admin = Admin.create(operator);
        this.topics = topics;
    }

    /// Who directs; nobody while that is being settled.
    Optional<String> director() throws InterruptedException {
        return holders(topics.leaderGroup()).values().stream().findAny();
    }

    /// Who has slots, and so adds chunks up; nobody while that is being settled.
    Set<String> aggregators() throws InterruptedException {
        return new TreeSet<>(holders(topics.slotsGroup()).values());
    }

    /// Partition to name.
    private Map<Integer, String> holders(String group) throws InterruptedException {
        Map<Integer, String> holders = new HashMap<>();
        try {
            ConsumerGroupDescription described =
                    admin.describeConsumerGroups(List.of(group)).all().get().get(group);
            if (described != null && described.groupState() == GroupState.STABLE) {
                for (MemberDescription member : described.members()) {
                    for (TopicPartition partition : member.assignment().topicPartitions()) {
                        holders.put(
                                partition.partition(), member.groupInstanceId().orElseThrow());
                    }
                }
            }
        } catch (ExecutionException e) {
            // The broker is away, or has just come back: not settled.
        }
        return holders;
    }

    @Override
    public void close() {
        admin.close();
    }
}
