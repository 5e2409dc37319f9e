package dev.sotto.coordinator.slots;

import dev.sotto.coordinator.kafka.KafkaClients;
import dev.sotto.coordinator.kafka.Lease;
import dev.sotto.coordinator.kafka.Writer;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Identity;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jboss.logging.Logger;

/// The slots of one replica: those of the topic `slots` that its group gives it. More replicas have fewer each.
///
/// Thread-safe.
public final class Slots implements Lease.Holder, AutoCloseable {
    private static final Logger LOG = Logger.getLogger(Slots.class);

    private final Follower follower;
    private final Slot.Setup setup;
    private final Lease lease;
    private final Consumer<Throwable> fatal;
    private final Map<Integer, Slot> held = new ConcurrentHashMap<>();

    /// Owns nothing yet.
    ///
    /// @param identity    the coordinator's; it stays the caller's, as does `roundSecret`
    /// @param roundSecret K
    /// @param replica     this replica's name
    /// @param fatal       gets what cannot be handled; it ends the process
    public Slots(
            Settings settings,
            KafkaClients kafka,
            Primitives primitives,
            Identity identity,
            Secret roundSecret,
            String replica,
            Consumer<Throwable> fatal) {
        this.fatal = fatal;
        this.follower = new Follower(settings, kafka, primitives, identity, roundSecret, fatal);
        this.setup = new Slot.Setup(settings, kafka, primitives, roundSecret, follower::view, this::broken);
        this.lease = new Lease(
                kafka.member(settings.topics().slotsGroup(), replica),
                settings.topics().slots(),
                this);
    }

    /// Joins the group.
    public void start() {
        follower.start();
        lease.start();
    }

    /// Whether the group knows this replica.
    public boolean isJoined() {
        return lease.isJoined();
    }

    /// How many slots are this replica's.
    public int count() {
        return held.size();
    }

    /// Records of the open attempt that lie in this replica's slots and are not read yet.
    public long behind() {
        return held.values().stream().mapToLong(Slot::behind).sum();
    }

    @Override
    public synchronized void held(int slot) {
        lost(slot);
        Slot mine = new Slot(slot, setup);
        held.put(slot, mine);
        mine.start();
        LOG.infof("slot %d is this replica's", slot);
    }

    @Override
    public synchronized void lost(int slot) {
        Slot mine = held.remove(slot);
        if (mine != null) {
            mine.close();
            LOG.infof("slot %d is another replica's", slot);
        }
    }

    @Override
    public void failed(Throwable cause) {
        fatal.accept(cause);
    }

    private void broken(Throwable cause) {
        if (Writer.isFenced(cause)) {
            LOG.warn("another replica has taken a slot over");
            lease.resign();
        } else {
            fatal.accept(cause);
        }
    }

    /// Gives its slots to the other replicas.
    @Override
    public void close() {
        lease.close();
        synchronized (this) {
            held.values().forEach(Slot::close);
            held.clear();
        }
        follower.close();
    }
}
