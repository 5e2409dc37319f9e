package dev.sotto.sandbox.broker;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The settings of a single Kafka broker (KRaft, combined mode) that lets nobody in without a certificate
/// of the federation's CA and lets nobody do what no access rule allows.
///
/// The small time-outs and buffers suit one broker on a shared machine. An operator's cluster keeps the
/// security part and takes three brokers and Kafka's defaults for the rest.
///
/// @param address        where it listens: 127.0.0.1, or 0.0.0.0 in a container whose ports are mapped
/// @param folder         where the log lives
/// @param memberPort     the mutual TLS listener; clients are told 127.0.0.1
/// @param controllerPort the mutual TLS listener of the controller on 127.0.0.1
/// @param identity       PEM: PKCS#8 key, certificate with CN=broker and SAN 127.0.0.1, CA
/// @param authority      PEM: the federation's CA
/// @param routes         further listeners, for clients that reach the broker another way
public record BrokerSettings(
        String address,
        Path folder,
        int memberPort,
        int controllerPort,
        Path identity,
        Path authority,
        List<Route> routes) {
    /// A listener behind something that forwards to it, like a tunnel. Its clients stay on it: they are told
    /// to come to where they came from.
    ///
    /// @param port      where the broker listens
    /// @param reachedAt the port on 127.0.0.1 that its clients connect to
    public record Route(int port, int reachedAt) {}

    /// Copies the list.
    public BrokerSettings {
        routes = List.copyOf(routes);
    }

    /// The settings in the order of the file `server.properties`.
    public Map<String, String> properties() {
        Map<String, String> p = new LinkedHashMap<>();
        p.put("process.roles", "broker,controller");
        p.put("node.id", "1");
        p.put("controller.quorum.voters", "1@127.0.0.1:" + controllerPort);
        p.put("controller.listener.names", "CONTROLLER");
        StringBuilder listeners = new StringBuilder("CONTROLLER://127.0.0.1:" + controllerPort);
        StringBuilder advertised = new StringBuilder();
        StringBuilder protocols = new StringBuilder("CONTROLLER:SSL");
        Map<String, Route> named = new LinkedHashMap<>();
        named.put("MEMBERS", new Route(memberPort, memberPort));
        routes.forEach(route -> named.put("ROUTE" + named.size(), route));
        named.forEach((name, route) -> {
            listeners
                    .append(",")
                    .append(name)
                    .append("://")
                    .append(address)
                    .append(":")
                    .append(route.port());
            advertised
                    .append(advertised.isEmpty() ? "" : ",")
                    .append(name)
                    .append("://127.0.0.1:")
                    .append(route.reachedAt());
            protocols.append(",").append(name).append(":SSL");
        });
        p.put("listeners", listeners.toString());
        p.put("advertised.listeners", advertised.toString());
        p.put("inter.broker.listener.name", "MEMBERS");
        p.put("log.dirs", folder.resolve("log").toAbsolutePath().toString());

        // Who may connect, and as whom. No DEFAULT rule: a subject with anything but one lower-case CN is nobody.
        p.put("listener.security.protocol.map", protocols.toString());
        p.put("ssl.client.auth", "required");
        p.put("ssl.enabled.protocols", "TLSv1.3");
        p.put("ssl.keystore.type", "PEM");
        p.put("ssl.keystore.location", identity.toAbsolutePath().toString());
        p.put("ssl.truststore.type", "PEM");
        p.put("ssl.truststore.location", authority.toAbsolutePath().toString());
        p.put("ssl.principal.mapping.rules", "RULE:^CN=([a-z0-9-]+)$/$1/");

        // Who may do what: nothing without a rule.
        p.put("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer");
        p.put("super.users", "User:broker;User:coordinator");
        p.put("allow.everyone.if.no.acl.found", "false");
        p.put("auto.create.topics.enable", "false");

        // Clocks differ between organisations.
        p.put("log.message.timestamp.type", "LogAppendTime");

        // One broker.
        p.put("offsets.topic.replication.factor", "1");
        p.put("offsets.topic.num.partitions", "4");
        p.put("transaction.state.log.replication.factor", "1");
        p.put("transaction.state.log.min.isr", "1");
        p.put("transaction.state.log.num.partitions", "4");
        p.put("share.coordinator.state.topic.replication.factor", "1");
        p.put("share.coordinator.state.topic.min.isr", "1");

        // One machine: a killed broker is let in again after 2 s, not 9 s; a killed director is replaced after 1 s.
        p.put("group.initial.rebalance.delay.ms", "0");
        p.put("group.min.session.timeout.ms", "1000");
        p.put("broker.session.timeout.ms", "2000");
        p.put("broker.heartbeat.interval.ms", "500");
        p.put("log.cleaner.dedupe.buffer.size", "4194304");
        p.put("log.retention.check.interval.ms", "2000");
        p.put("num.network.threads", "2");
        p.put("num.io.threads", "4");
        return p;
    }

    /// The file `server.properties`, the same bytes for the same settings.
    public String file() {
        StringBuilder file = new StringBuilder();
        properties()
                .forEach((key, value) -> file.append(key)
                        .append('=')
                        .append(value.replace("\\", "\\\\"))
                        .append('\n'));
        return file.toString();
    }
}
