package dev.sotto.bench;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/// The processor time and the memory of one party, while several live in one process and take turns.
///
/// Time is the calling thread's own, which neither other processes nor the collector change. Memory is what is alive:
/// the heap after a full collection, before a turn, after it, and every now and then in between. What a turn leaves
/// behind is added up; the peak is that and the most that was seen alive in a turn.
final class Role {
    private static final long BETWEEN_NANOS = 100_000_000;
    private static final List<MemoryPoolMXBean> HEAP = ManagementFactory.getMemoryPoolMXBeans().stream()
            .filter(pool -> pool.getType() == MemoryType.HEAP)
            .toList();

    private final boolean weighed;
    private long nanos;
    private long held;
    private long before;
    private volatile long most;
    private long peak;

    /// @param weighed or its memory is not looked at
    @SuppressWarnings("MissingSummary")
    Role(boolean weighed) {
        this.weighed = weighed;
    }

    boolean isWeighed() {
        return weighed;
    }

    /// So far.
    double millis() {
        return nanos / 1e6;
    }

    /// In bytes.
    long peak() {
        return peak;
    }

    /// This party's turn.
    void turn(Runnable work) {
        if (!weighed) {
            work.run();
            return;
        }
        before = live();
        most = before;
        AtomicBoolean over = new AtomicBoolean();
        Thread sampler = Thread.ofPlatform().daemon().start(() -> {
            while (!over.get()) {
                LockSupport.parkNanos(BETWEEN_NANOS);
                look();
            }
        });
        try {
            work.run();
            look();
        } finally {
            over.set(true);
            LockSupport.unpark(sampler);
            join(sampler);
        }
        peak = Math.max(peak, held + most - before);
        held += live() - before;
    }

    /// The part of a turn that is its own work: reading and decoding what came is not.
    void work(Runnable step) {
        long began = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        step.run();
        nanos += ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - began;
    }

    /// Looks at the memory now, if it is weighed at all.
    synchronized void look() {
        if (weighed) {
            most = Math.max(most, live());
        }
    }

    private static long live() {
        System.gc();
        return HEAP.stream()
                .map(MemoryPoolMXBean::getCollectionUsage)
                .mapToLong(MemoryUsage::getUsed)
                .sum();
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
