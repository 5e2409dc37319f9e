package dev.sotto.sandbox.broker;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/// The settings of a single Kafka broker (KRaft, combined mode) that lets nobody in without a certificate
/// of the federation's CA and lets nobody do what no access rule allows.
///
/// The small time-outs and buffers suit one broker on a shared machine. An operator's cluster keeps the
/// security part and takes three brokers and Kafka's defaults for the rest.
///
/// @param folder         where the log lives
/// @param memberPort     the mutual TLS listener on 127.0.0.1
/// @param controllerPort the mutual TLS listener of the controller on 127.0.0.1
/// @param identity       PEM: PKCS#8 key, certificate with CN=broker and SAN 127.0.0.1, CA
/// @param authority      PEM: the federation's CA
public record BrokerSettings(Path folder, int memberPort, int controllerPort, Path identity, Path authority) {
    /// The settings in the order of the file `server.properties`.
    public Map<String, String> properties() {
        Map<String, String> p = new LinkedHashMap<>();
        p.put("process.roles", "broker,controller");
        p.put("node.id", "1");
        p.put("controller.quorum.bootstrap.servers", "127.0.0.1:" + controllerPort);
        p.put("controller.listener.names", "CONTROLLER");
        p.put("listeners", "MEMBERS://127.0.0.1:" + memberPort + ",CONTROLLER://127.0.0.1:" + controllerPort);
        p.put("advertised.listeners", "MEMBERS://127.0.0.1:" + memberPort);
        p.put("inter.broker.listener.name", "MEMBERS");
        p.put("log.dirs", folder.resolve("log").toAbsolutePath().toString());

        // Who may connect, and as whom. No DEFAULT rule: a subject with anything but one lower-case CN is nobody.
        p.put("listener.security.protocol.map", "MEMBERS:SSL,CONTROLLER:SSL");
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
