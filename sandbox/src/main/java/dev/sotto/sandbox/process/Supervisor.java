package dev.sotto.sandbox.process;

import dev.sotto.sandbox.failure.Failure;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Starts child processes and sees to it that none is left behind.
///
/// Every child is a JVM on a [leash][dev.sotto.sandbox.leash.Leash]: it ends when this process ends in
/// whatever way. A shutdown hook stops them earlier, on exit, SIGINT, SIGTERM and SIGHUP. [#close] does
/// so too.
///
/// A long-running child ([#start]) that ends without having been asked to is a death: the first one is
/// kept and [#check] throws it. Thread-safe.
public final class Supervisor implements AutoCloseable {
    private static final Duration UNTIL_READY = Duration.ofMinutes(3);
    private static final Duration PATIENCE = Duration.ofSeconds(4);
    private static final Duration AFTER_KILL = Duration.ofSeconds(2);

    private final Jvm jvm;
    private final Path logs;
    private final Map<String, String> environment;
    private final List<Child> children = new ArrayList<>();
    private final Thread hook;
    private @Nullable Failure death;
    private boolean closed;

    /// A supervisor that writes the log of the child called `name` to `logs/<name>.log`.
    public Supervisor(Jvm jvm, Path logs) {
        this(jvm, logs, Map.of());
    }

    /// As above; children see `environment` besides this process's.
    public Supervisor(Jvm jvm, Path logs, Map<String, String> environment) {
        this.jvm = jvm;
        this.logs = logs;
        this.environment = Map.copyOf(environment);
        this.hook = new Thread(this::stopAll, "stop children");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /// Starts a program that runs until it is stopped; its unasked end is a death.
    ///
    /// @param lines gets each line of its standard output
    public Child start(String name, Jvm.Program program, List<String> arguments, Consumer<String> lines)
            throws IOException, Failure {
        Child child = launch(name, program, arguments, lines);
        child.onEnd(exitCode -> ended(child, exitCode));
        return child;
    }

    /// As [#start], and returns when a line of its standard output contains `ready`.
    ///
    /// @throws Failure if it is not ready in 3 minutes, or a child has died
    public Child startUntil(String name, Jvm.Program program, List<String> arguments, String ready)
            throws IOException, InterruptedException, Failure {
        CountDownLatch up = new CountDownLatch(1);
        Child child = start(name, program, arguments, line -> {
            if (line.contains(ready)) {
                up.countDown();
            }
        });
        long deadline = System.nanoTime() + UNTIL_READY.toNanos();
        while (!up.await(100, TimeUnit.MILLISECONDS)) {
            check();
            if (System.nanoTime() > deadline) {
                throw Failure.failed(
                        name + " is not ready after " + UNTIL_READY.toSeconds() + " s; see " + child.log());
            }
        }
        return child;
    }

    /// Runs a program to its end.
    ///
    /// @return its standard output, without the log
    /// @throws Failure if its exit code is not 0
    public List<String> run(String name, Jvm.Program program, List<String> arguments)
            throws IOException, InterruptedException, Failure {
        return run(name, program, arguments, line -> {});
    }

    /// As [#run(String, Jvm.Program, List)], and `lines` gets each line of its standard output as it
    /// comes.
    public List<String> run(String name, Jvm.Program program, List<String> arguments, Consumer<String> lines)
            throws IOException, InterruptedException, Failure {
        List<String> output = new ArrayList<>();
        Child child = launch(name, program, arguments, line -> {
            output.add(line);
            lines.accept(line);
        });
        int exitCode = child.await();
        forget(child);
        if (exitCode != 0) {
            throw child.died(exitCode);
        }
        return output;
    }

    /// Forgets a child that was stopped or killed on purpose.
    public synchronized void forget(Child child) {
        children.remove(child);
    }

    /// Throws the first death, if there was one.
    public synchronized void check() throws Failure {
        if (death != null && !closed) {
            throw death;
        }
    }

    /// The children that still run.
    public synchronized List<Child> running() {
        return children.stream().filter(Child::isAlive).toList();
    }

    /// Stops all children, the youngest first, and returns when they are gone.
    @Override
    public void close() {
        stopAll();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The hook is running: it does the same.
        }
    }

    private synchronized Child launch(String name, Jvm.Program program, List<String> arguments, Consumer<String> lines)
            throws IOException, Failure {
        if (closed) {
            throw Failure.failed("the sandbox is stopping, so " + name + " does not start");
        }
        Child child =
                Child.start(name, logs.resolve(name + ".log"), jvm.command(program, arguments), environment, lines);
        children.add(child);
        return child;
    }

    private synchronized void ended(Child child, int exitCode) {
        children.remove(child);
        if (!child.endExpected() && !closed && death == null) {
            death = child.died(exitCode);
        }
    }

    private void stopAll() {
        List<Child> left;
        synchronized (this) {
            closed = true;
            left = new ArrayList<>(children.reversed());
        }
        left.forEach(Child::terminate);
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        try {
            for (Child child : left) {
                if (!child.endsWithin(Duration.ofNanos(deadline - System.nanoTime()))) {
                    child.killWithoutWaiting();
                }
            }
            for (Child child : left) {
                boolean _ = child.endsWithin(AFTER_KILL);
            }
        } catch (InterruptedException e) {
            left.forEach(Child::killWithoutWaiting);
            Thread.currentThread().interrupt();
        }
    }
}
