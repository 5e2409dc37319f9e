package dev.sotto.sandbox.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.sandbox.failure.Failure;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class BrokerSettingsTest {
    @Test
    void broker_letsNobodyInWithoutACertificate_andNobodyDoWhatNoRuleAllows() {
        Map<String, String> p = new BrokerSettings(
                        "127.0.0.1",
                        Path.of("log"),
                        1,
                        2,
                        Path.of("broker.pem"),
                        Path.of("ca.pem"),
                        List.of(new BrokerSettings.Route(3, 4)))
                .properties();
        assertThat(p)
                .containsEntry("listener.security.protocol.map", "CONTROLLER:SSL,MEMBERS:SSL,ROUTE1:SSL")
                .containsEntry("listeners", "CONTROLLER://127.0.0.1:2,MEMBERS://127.0.0.1:1,ROUTE1://127.0.0.1:3")
                .containsEntry("advertised.listeners", "MEMBERS://127.0.0.1:1,ROUTE1://127.0.0.1:4")
                .containsEntry("ssl.client.auth", "required")
                .containsEntry("ssl.enabled.protocols", "TLSv1.3")
                .containsEntry("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer")
                .containsEntry("super.users", "User:broker;User:coordinator")
                .containsEntry("allow.everyone.if.no.acl.found", "false")
                .containsEntry("auto.create.topics.enable", "false");
        assertThat(p.get("ssl.principal.mapping.rules")).doesNotContain("DEFAULT");
    }

    @Test
    void port_inUse_isNamedWithItsOption() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            assertThatThrownBy(() -> Ports.requireFree(taken.getLocalPort(), "--port"))
                    .isInstanceOfSatisfying(
                            Failure.class,
                            failure -> assertThat(failure.exitCode()).isEqualTo(Failure.INVALID))
                    .hasMessageContaining("port " + taken.getLocalPort())
                    .hasMessageContaining("--port");
        }
    }
}
