package dev.sotto.sandbox;

import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.broker.BrokerSettings;
import dev.sotto.sandbox.broker.Ports;
import dev.sotto.sandbox.failure.Failure;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// The wire in front of one of a broker's listeners: it can be tapped, and it can be cut.
///
/// Thread-safe.
final class Relay implements AutoCloseable {
    private static final int PIECE = 1 << 16;

    private final ServerSocket server;
    private final BrokerSettings.Route route;
    private final boolean tapped;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final List<ByteArrayOutputStream> streams = new ArrayList<>();
    private volatile boolean cut;

    /// Forwards at once.
    ///
    /// @param tapped whether it keeps what passes
    Relay(boolean tapped) throws IOException {
        this.server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        this.route = new BrokerSettings.Route(Ports.free(1).getFirst(), server.getLocalPort());
        this.tapped = tapped;
        Thread _ = Thread.ofVirtual().name("relay").start(this::accept);
    }

    /// The listener that it forwards to, for the broker's settings.
    BrokerSettings.Route route() {
        return route;
    }

    /// HOST:PORT for those who shall come this way.
    String bootstrap() {
        return "127.0.0.1:" + route.reachedAt();
    }

    /// `broker` for those who shall all come this way.
    BrokerHost before(BrokerHost broker) {
        return new BrokerHost() {
            @Override
            public String bootstrap() {
                return Relay.this.bootstrap();
            }

            @Override
            public void start(Path identity, Path authority) throws IOException, InterruptedException, Failure {
                broker.start(identity, authority);
            }

            @Override
            public void kill() throws IOException, InterruptedException {
                broker.kill();
            }

            @Override
            public void pause() throws IOException, InterruptedException {
                broker.pause();
            }

            @Override
            public void resume() throws IOException, InterruptedException {
                broker.resume();
            }

            @Override
            public void close() {
                broker.close();
            }
        };
    }

    /// Ends every connection and lets none through.
    void cut() throws IOException {
        cut = true;
        for (Socket socket : sockets) {
            socket.close();
        }
    }

    /// Lets connections through again.
    void mend() {
        cut = false;
    }

    /// What passed, one array for each direction of each connection.
    List<byte[]> captured() {
        synchronized (streams) {
            List<byte[]> captured = new ArrayList<>();
            for (ByteArrayOutputStream stream : streams) {
                captured.add(stream.toByteArray());
            }
            return captured;
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        cut();
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket near = server.accept();
                sockets.add(near);
                Thread _ = Thread.ofVirtual().start(() -> connect(near));
            } catch (IOException e) {
                // Closed, or a client that went away at once.
            }
        }
    }

    private void connect(Socket near) {
        try (near;
                Socket far = new Socket(InetAddress.getLoopbackAddress(), route.port())) {
            sockets.add(far);
            if (!cut) {
                Thread back = Thread.ofVirtual().start(() -> forward(far, near));
                forward(near, far);
                back.join();
            }
            sockets.remove(far);
        } catch (IOException e) {
            // The broker is away: the client sees a connection that ends.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            sockets.remove(near);
        }
    }

    /// Until one end is gone; then both are.
    private void forward(Socket from, Socket to) {
        ByteArrayOutputStream kept = new ByteArrayOutputStream();
        if (tapped) {
            synchronized (streams) {
                streams.add(kept);
            }
        }
        try (from;
                to) {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            byte[] piece = new byte[PIECE];
            for (int read = in.read(piece); read > 0 && !cut; read = in.read(piece)) {
                if (tapped) {
                    kept.write(piece, 0, read);
                }
                out.write(piece, 0, read);
            }
        } catch (IOException e) {
            // An end is gone.
        }
    }
}
