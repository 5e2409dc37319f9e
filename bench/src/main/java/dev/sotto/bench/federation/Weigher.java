package dev.sotto.bench.federation;

import com.sun.management.OperatingSystemMXBean;
import com.sun.tools.attach.AttachNotSupportedException;
import com.sun.tools.attach.VirtualMachine;
import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import javax.management.MBeanServerConnection;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;

/// Looks into another JVM on this machine: the processor time that it has used, and, if it is weighed, the memory
/// that is alive in it, which is the heap after a full collection. Weighing slows it: it is not timed meanwhile.
final class Weigher implements AutoCloseable {
    private static final Duration BETWEEN = Duration.ofMillis(150);

    private final JMXConnector connector;
    private final OperatingSystemMXBean system;
    private final MemoryMXBean memory;
    private final BufferPoolMXBean direct;
    private final Thread sampler;
    private volatile boolean closed;
    private long mostHeap;
    private long mostDirect;
    private int looks;

    /// Attaches itself.
    ///
    /// @param weighed or only its processor time is of interest
    @SuppressWarnings("BanJNDI") // The other JVM is a child of this one.
    Weigher(long pid, boolean weighed) throws IOException {
        try {
            VirtualMachine machine = VirtualMachine.attach(String.valueOf(pid));
            try {
                connector = JMXConnectorFactory.connect(new JMXServiceURL(machine.startLocalManagementAgent()));
            } finally {
                machine.detach();
            }
        } catch (AttachNotSupportedException e) {
            throw new IOException("process " + pid + " cannot be looked into", e);
        }
        MBeanServerConnection beans = connector.getMBeanServerConnection();
        system = ManagementFactory.getPlatformMXBean(beans, OperatingSystemMXBean.class);
        memory = ManagementFactory.getPlatformMXBean(beans, MemoryMXBean.class);
        direct = ManagementFactory.getPlatformMXBeans(beans, BufferPoolMXBean.class).stream()
                .filter(pool -> pool.getName().equals("direct"))
                .findFirst()
                .orElseThrow();
        sampler = Thread.ofPlatform().name("weigher-" + pid).daemon().start(() -> {
            while (weighed && !closed) {
                look();
                LockSupport.parkNanos(BETWEEN.toNanos());
            }
        });
    }

    /// Looks once, now.
    ///
    /// @return bytes that are alive in its heap; 0 if it has ended
    synchronized long weighNow() {
        reset();
        look();
        return mostHeap;
    }

    private synchronized void look() {
        try {
            memory.gc();
            mostHeap = Math.max(mostHeap, memory.getHeapMemoryUsage().getUsed());
            mostDirect = Math.max(mostDirect, direct.getMemoryUsed());
            looks++;
        } catch (RuntimeException e) {
            // It has ended; what it held before is known.
            closed = true;
        }
    }

    /// Seconds of processor time so far.
    double processorSeconds() {
        return system.getProcessCpuTime() / 1e9;
    }

    /// The most that was alive at once, in bytes.
    synchronized long mostHeap() {
        return mostHeap;
    }

    /// Of memory outside the heap, in bytes.
    synchronized long mostDirect() {
        return mostDirect;
    }

    /// How often it was looked at.
    synchronized int looks() {
        return looks;
    }

    /// Forgets the most that was seen so far.
    synchronized void reset() {
        mostHeap = 0;
        mostDirect = 0;
        looks = 0;
    }

    @Override
    public void close() throws IOException {
        closed = true;
        LockSupport.unpark(sampler);
        connector.close();
    }
}
