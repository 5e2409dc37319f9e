package dev.sotto.sandbox.leash;

import java.io.IOException;

/// A Java agent that ends its process when standard input ends.
///
/// The parent holds the other end of that pipe and never writes to it, so the operating system closes it
/// when the parent ends in whatever way, SIGKILL included, and no child outlives the sandbox. The process
/// first gets the time that a SIGTERM would give it; if its shutdown hangs, it is halted.
public final class Leash {
    /// Exit code of a process whose parent is gone: as after SIGHUP.
    public static final int PARENT_GONE = 128 + 1;

    private static final long GRACE_MILLIS = 5_000;

    private Leash() {}

    /// Called by the JVM before the program's `main`.
    public static void premain(String argument) {
        daemon("leash", Leash::endWithStandardInput);
    }

    /// Ends this process, at once or soon after, when standard input ends. Blocks until then.
    private static void endWithStandardInput() {
        try {
            while (System.in.read() >= 0) {
                // What the parent might write means nothing; only the end does.
            }
        } catch (IOException e) {
            // A broken pipe is its end, too.
        }
        daemon("leash-halt", Leash::haltAfterGrace);
        System.exit(PARENT_GONE);
    }

    private static void haltAfterGrace() {
        try {
            Thread.sleep(GRACE_MILLIS);
        } catch (InterruptedException e) {
            // Halting early is as good.
        }
        Runtime.getRuntime().halt(PARENT_GONE);
    }

    private static void daemon(String name, Runnable body) {
        Thread thread = new Thread(body, name);
        thread.setDaemon(true);
        thread.start();
    }
}
