package dev.sotto.sandbox;

import com.sun.net.httpserver.HttpServer;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/// An OTLP collector that keeps what it is sent.
final class Collector implements AutoCloseable {
    private final HttpServer server;
    private final List<byte[]> bodies = new CopyOnWriteArrayList<>();

    Collector() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/v1/traces", exchange -> {
            bodies.add(exchange.getRequestBody().readAllBytes());
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        server.start();
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    /// As they came.
    List<byte[]> bodies() {
        return List.copyOf(bodies);
    }

    /// What they say.
    List<ExportTraceServiceRequest> requests() throws IOException {
        List<ExportTraceServiceRequest> requests = new CopyOnWriteArrayList<>();
        for (byte[] body : bodies) {
            requests.add(ExportTraceServiceRequest.parseFrom(body));
        }
        return requests;
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
