package dev.sotto.sandbox.broker;

import dev.sotto.sandbox.failure.Failure;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;

/// TCP ports on the loopback interface.
public final class Ports {
    private Ports() {}

    /// `count` different ports that were free a moment ago.
    public static List<Integer> free(int count) throws IOException {
        List<ServerSocket> held = new ArrayList<>();
        try {
            List<Integer> ports = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                held.add(socket);
                ports.add(socket.getLocalPort());
            }
            return ports;
        } finally {
            for (ServerSocket socket : held) {
                socket.close();
            }
        }
    }

    /// Says which option to change if somebody listens on `port` already.
    ///
    /// @throws Failure if the port is not 1 to 65535 or is in use
    public static void requireFree(int port, String option) throws Failure {
        if (port < 1 || port > 65_535) {
            throw Failure.invalid(option + " " + port + " is not a port; allowed are 1 to 65535");
        }
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new java.net.InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        } catch (IOException e) {
            throw Failure.invalid(
                    "port " + port + " on 127.0.0.1 is in use; give another one with " + option + " or leave it out");
        }
    }
}
