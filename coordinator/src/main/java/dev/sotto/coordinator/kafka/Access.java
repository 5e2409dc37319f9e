package dev.sotto.coordinator.kafka;

import dev.sotto.coordinator.enrolment.Enrolment;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.schemas.Topics;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourcePatternFilter;
import org.apache.kafka.common.resource.ResourceType;

/// The federation's topics, and who may read and write them. Creating what is there changes nothing.
///
/// Thread-safe as far as [Admin] is.
public final class Access implements Enrolment.Admission {
    private static final long PATIENCE_SECONDS = 30;
    private static final Map<String, String> EVERY_TOPIC = Map.of(
            // Organisations' clocks differ.
            "message.timestamp.type", "LogAppendTime",
            // Only whole segments are ever freed.
            "segment.bytes", "67108864",
            "retention.ms", "-1");

    private final Admin admin;
    private final Settings settings;
    private final Topics topics;

    /// With the coordinator's own rights.
    public Access(Admin admin, Settings settings) {
        this.admin = admin;
        this.settings = settings;
        this.topics = settings.topics();
    }

    /// Creates the topics that every federation has, where they are not.
    ///
    /// @return whether there was no registry: nobody has ever enrolled, or the broker has forgotten it
    public boolean createTopics() {
        boolean begins = create(topics.registry(), 1);
        var _ = create(topics.control(), 1);
        var _ = create(topics.leader(), 1);
        var _ = create(topics.invites(), 1);
        var _ = create(topics.acts(), 1);
        var _ = create(topics.models(), settings.partitions());
        var _ = create(topics.slots(), settings.partitions());
        return begins;
    }

    /// Creates an organisation's topics, and lets its principal do what a member must do, and nothing
    /// else.
    @Override
    public void admit(String organisation, String principal) {
        var _ = create(topics.inbox(organisation), 1);
        var _ = create(topics.updates(organisation), settings.partitions());
        await(admin.createAcls(bindings(topics, organisation, principal)).all());
    }

    /// Takes the right to write from a principal; open connections feel it at their next request.
    @Override
    public void silence(String principal) {
        delete(principal, AclOperation.WRITE);
    }

    /// Takes every right from a principal; open connections feel it at their next request.
    @Override
    public void expel(String principal) {
        delete(principal, AclOperation.ANY);
    }

    private void delete(String principal, AclOperation operation) {
        await(admin.deleteAcls(List.of(new AclBindingFilter(
                        ResourcePatternFilter.ANY,
                        new AccessControlEntryFilter("User:" + principal, null, operation, AclPermissionType.ANY))))
                .all());
    }

    /// Deletes what is older from the topics of chunks: the broker frees whole segments of it. What fails is tried
    /// again when more is to go.
    public void forget(Instant before) {
        Set<String> names = new TreeSet<>(Set.of(topics.models(), topics.slots()));
        await(admin.listTopics().names()).stream()
                .filter(name -> name.startsWith(topics.updatesPrefix()))
                .forEach(names::add);
        Map<TopicPartition, OffsetSpec> times = new HashMap<>();
        await(admin.describeTopics(names).allTopicNames())
                .forEach((name, description) -> description
                        .partitions()
                        .forEach(partition -> times.put(
                                new TopicPartition(name, partition.partition()),
                                OffsetSpec.forTimestamp(before.toEpochMilli()))));
        Map<TopicPartition, RecordsToDelete> older = new HashMap<>();
        await(admin.listOffsets(times).all()).forEach((partition, first) -> {
            // -1: nothing is as young as that, and what is there may be the present version.
            if (first.offset() > 0) {
                older.put(partition, RecordsToDelete.beforeOffset(first.offset()));
            }
        });
        await(admin.deleteRecords(older).all());
    }

    /// The rules for one member.
    static Collection<AclBinding> bindings(Topics topics, String organisation, String principal) {
        List<AclBinding> bindings = new ArrayList<>();
        for (String own : List.of(topics.inbox(organisation), topics.updates(organisation))) {
            bindings.add(allow(principal, ResourceType.TOPIC, own, PatternType.LITERAL, AclOperation.WRITE));
        }
        for (String common : List.of(topics.control(), topics.models(), topics.registry())) {
            bindings.add(allow(principal, ResourceType.TOPIC, common, PatternType.LITERAL, AclOperation.READ));
        }
        for (String peers : List.of(topics.inboxPrefix(), topics.updatesPrefix())) {
            bindings.add(allow(principal, ResourceType.TOPIC, peers, PatternType.PREFIXED, AclOperation.READ));
        }
        for (AclOperation operation : List.of(AclOperation.WRITE, AclOperation.DESCRIBE)) {
            bindings.add(allow(
                    principal,
                    ResourceType.TRANSACTIONAL_ID,
                    topics.memberTransactionalId(organisation),
                    PatternType.LITERAL,
                    operation));
        }
        return bindings;
    }

    private static AclBinding allow(
            String principal, ResourceType type, String name, PatternType pattern, AclOperation operation) {
        return new AclBinding(
                new ResourcePattern(type, name, pattern),
                new AccessControlEntry("User:" + principal, "*", operation, AclPermissionType.ALLOW));
    }

    /// @return whether it was not there
    private boolean create(String topic, int partitions) {
        try {
            await(admin.createTopics(
                            List.of(new NewTopic(topic, partitions, settings.replicationFactor()).configs(EVERY_TOPIC)))
                    .all());
            return true;
        } catch (TopicExistsException e) {
            return false;
        }
    }

    private static <T> T await(org.apache.kafka.common.KafkaFuture<T> future) {
        try {
            return future.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof KafkaException known ? known : new KafkaException(e.getCause());
        } catch (TimeoutException e) {
            throw new org.apache.kafka.common.errors.TimeoutException(
                    "no answer from Kafka in " + PATIENCE_SECONDS + " s", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new KafkaException("interrupted", e);
        }
    }
}
