package dev.sotto.sandbox.broker;

import dev.sotto.sandbox.failure.Failure;
import java.io.IOException;
import java.nio.file.Path;

/// Where a federation's Kafka broker runs: a child process of the sandbox, or, in tests, a container.
///
/// One broker on one folder, which outlives what happens to its process. Used by one thread at a time.
public interface BrokerHost extends AutoCloseable {
    /// HOST:PORT at which everybody finds it.
    String bootstrap();

    /// Starts it for the first time, or again after [#kill], and returns when it lets clients in.
    ///
    /// @param identity  PEM: the broker's PKCS#8 key, certificate and CA
    /// @param authority PEM: the federation's CA
    void start(Path identity, Path authority) throws IOException, InterruptedException, Failure;

    /// Kills it (SIGKILL). Returns when it is gone.
    void kill() throws IOException, InterruptedException;

    /// Stops its clock (SIGSTOP): connections stay, nothing answers.
    void pause() throws IOException, InterruptedException;

    /// Lets it go on (SIGCONT).
    void resume() throws IOException, InterruptedException;

    /// Ends for good what no supervisor ends.
    @Override
    void close();
}
