package dev.sotto.sandbox.process;

import dev.sotto.sandbox.failure.Failure;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/// One child process. Its standard output goes line by line to a listener and to its log, its standard
/// error to its log; the pipe to its standard input stays open as long as the parent lives.
///
/// Thread-safe.
public final class Child {
    private static final int LAST_LINES = 8;
    /// How Sotto's programs begin the sentence that says what is wrong.
    private static final String SENTENCE = "sotto: ";

    private final String name;
    private final Path log;
    private final Process process;
    private final Thread output;
    private volatile boolean endExpected;

    private Child(String name, Path log, Process process, Consumer<String> lines) {
        this.name = name;
        this.log = log;
        this.process = process;
        this.output = Thread.ofVirtual().name("output of " + name).start(() -> copyOutput(lines));
    }

    /// Starts `command`; `lines` gets each line of its standard output, in order, on a thread of its own.
    static Child start(
            String name, Path log, List<String> command, Map<String, String> environment, Consumer<String> lines)
            throws IOException {
        Files.createDirectories(log.toAbsolutePath().getParent());
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
        builder.environment().putAll(environment);
        return new Child(name, log, builder.start(), lines);
    }

    /// What people call it, as in the log's file name.
    public String name() {
        return name;
    }

    /// Where its output is kept.
    public Path log() {
        return log;
    }

    /// The operating system's process id.
    public long pid() {
        return process.pid();
    }

    /// Whether it still runs.
    public boolean isAlive() {
        return process.isAlive();
    }

    /// Waits until it has ended and all its output has been given to the listener.
    ///
    /// @return its exit code
    public int await() throws InterruptedException {
        int exitCode = process.waitFor();
        output.join();
        return exitCode;
    }

    /// Asks it to end (SIGTERM), and kills it when it has not within `patience`. Returns when it is gone.
    public void stop(Duration patience) throws InterruptedException {
        endExpected = true;
        process.destroy();
        if (!process.waitFor(patience.toMillis(), TimeUnit.MILLISECONDS)) {
            kill();
        }
    }

    /// Kills it and its own children (SIGKILL). Returns when it is gone.
    public void kill() throws InterruptedException {
        killWithoutWaiting();
        process.waitFor();
    }

    /// Stops its clock (SIGSTOP), which it does not notice.
    public void pause() throws IOException, InterruptedException {
        signal("STOP");
    }

    /// Lets it go on (SIGCONT).
    public void resume() throws IOException, InterruptedException {
        signal("CONT");
    }

    /// Java can send TERM and KILL only.
    private void signal(String signal) throws IOException, InterruptedException {
        int exitCode = new ProcessBuilder("kill", "-" + signal, String.valueOf(pid()))
                .redirectErrorStream(true)
                .start()
                .waitFor();
        if (exitCode != 0) {
            throw new IOException(name + " cannot be sent SIG" + signal + ": it has ended");
        }
    }

    /// Asks it to end without waiting.
    void terminate() {
        endExpected = true;
        process.destroy();
    }

    /// Kills it without waiting.
    void killWithoutWaiting() {
        endExpected = true;
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }

    /// Waits at most `patience` for its end, whether or not its output has been read.
    boolean endsWithin(Duration patience) throws InterruptedException {
        return process.waitFor(Math.max(0, patience.toMillis()), TimeUnit.MILLISECONDS);
    }

    /// Its end, when it comes, is no accident: somebody will start it again.
    public void expectEnd() {
        endExpected = true;
    }

    /// Whether somebody here asked for its end, so that it is no accident.
    boolean endExpected() {
        return endExpected;
    }

    /// Runs `then` with the exit code when it has ended and all its output has been given to the
    /// listener.
    void onEnd(Consumer<Integer> then) {
        Thread _ = Thread.ofVirtual().name("end of " + name).start(() -> {
            try {
                then.accept(await());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    /// That it ended with `exitCode`, in one sentence with the last lines of its log and where to read
    /// on.
    ///
    /// Exit code 2 of a child means wrong input or a wrong machine, and stays so.
    public Failure died(int exitCode) {
        List<String> last = lastLines();
        if (exitCode == Failure.INVALID && !last.isEmpty() && last.getLast().startsWith(SENTENCE)) {
            return Failure.invalid(
                    name + ": " + last.getLast().substring(SENTENCE.length()) + " (its log: " + log + ")");
        }
        StringBuilder sentence = new StringBuilder(name);
        sentence.append(
                exitCode > 128 ? " was ended by signal " + (exitCode - 128) : " ended with exit code " + exitCode);
        if (!last.isEmpty()) {
            sentence.append("; the last lines of its log:");
            last.forEach(line -> sentence.append("\n    ").append(line));
        }
        sentence.append("\n  all of it: ").append(log);
        return exitCode == Failure.INVALID ? Failure.invalid(sentence.toString()) : Failure.failed(sentence.toString());
    }

    /// The last lines of its log that are for people.
    public List<String> lastLines() {
        Deque<String> last = new ArrayDeque<>();
        try (BufferedReader reader = Files.newBufferedReader(log, StandardCharsets.ISO_8859_1)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                // Events are for programs.
                if (!line.isBlank() && !line.startsWith("{")) {
                    last.addLast(line);
                    if (last.size() > LAST_LINES) {
                        last.removeFirst();
                    }
                }
            }
        } catch (IOException e) {
            return List.of();
        }
        List<String> decoded = new ArrayList<>();
        for (String line : last) {
            decoded.add(new String(line.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8));
        }
        return decoded;
    }

    private void copyOutput(Consumer<String> lines) {
        try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8);
                Writer writer = Files.newBufferedWriter(
                        log, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                writer.write(line + "\n");
                writer.flush();
                lines.accept(line);
            }
        } catch (IOException | UncheckedIOException e) {
            // Its log cannot be written (a full disk): it must not run on unseen.
            process.destroyForcibly();
        }
    }
}
