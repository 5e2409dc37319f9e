package dev.sotto.helm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.marcnuri.helm.Helm;
import com.marcnuri.helm.InstallCommand;
import com.marcnuri.helm.LintResult;
import dev.sotto.coordinator.Coordinator;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.participant.cli.Sotto;
import dev.sotto.participant.home.Policy;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeMount;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.gatewayapi.v1alpha2.TLSRoute;
import io.fabric8.kubernetes.api.model.networking.v1.Ingress;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyEgressRule;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.strimzi.api.kafka.model.kafka.Kafka;
import io.strimzi.api.kafka.model.nodepool.KafkaNodePool;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

/// What both charts must hold, whatever the values.
class ChartsTest {
    private static final Map<String, ?> NONE = Map.of();
    private static final String SIGN_ON = """
            federation: north
            bootstrapServers: b:1
            url: https://h:1
            adapter: adapter-layout.json
            oidc: {issuer: https://i, clientId: sotto, clientSecretFile: oidc-secret, caFile: issuer-ca.pem, viewerRole: v}
            """;

    @TempDir
    private Path folder = Path.of("");

    static List<Chart> charts() {
        return List.of(Chart.COORDINATOR, Chart.PARTICIPANT);
    }

    /// Values that are accepted: those of the examples, and each thing that can be switched.
    static List<Arguments> accepted() {
        Path coordinator = Chart.COORDINATOR.least();
        Path participant = Chart.PARTICIPANT.least();
        return List.of(
                Arguments.of(Chart.COORDINATOR, coordinator, NONE),
                Arguments.of(Chart.COORDINATOR, coordinator, Map.of("replicas", 0, "logFormat", "json")),
                Arguments.of(
                        Chart.COORDINATOR, coordinator, Map.of("replicas", 3, "podDisruptionBudget.enabled", true)),
                Arguments.of(
                        Chart.COORDINATOR, coordinator, Map.of("ingress.enabled", true, "ingress.className", "nginx")),
                Arguments.of(
                        Chart.COORDINATOR,
                        coordinator,
                        Map.of("gateway.enabled", true, "gateway.parentRefs[0].name", "edge")),
                Arguments.of(Chart.COORDINATOR, coordinator, Map.of("podDisruptionBudget.enabled", true)),
                Arguments.of(
                        Chart.COORDINATOR,
                        coordinator,
                        Map.of(
                                "monitoring.enabled",
                                true,
                                "monitoring.secretName",
                                "north-viewer",
                                "monitoring.labels.release",
                                "prometheus")),
                Arguments.of(Chart.COORDINATOR, coordinator, Map.of("tests.image", "registry.example/curl:8")),
                Arguments.of(Chart.COORDINATOR, Chart.example("three-organisations/coordinator.yaml"), NONE),
                Arguments.of(Chart.COORDINATOR, Chart.example("strimzi/coordinator.yaml"), NONE),
                Arguments.of(
                        Chart.COORDINATOR,
                        Chart.example("strimzi/coordinator.yaml"),
                        Map.of(
                                "strimzi.replicas",
                                1,
                                "strimzi.listener.type",
                                "loadbalancer",
                                "strimzi.version",
                                "4.1.1")),
                Arguments.of(Chart.COORDINATOR, Chart.example("air-gapped/coordinator.yaml"), NONE),
                Arguments.of(Chart.PARTICIPANT, participant, NONE),
                Arguments.of(Chart.PARTICIPANT, participant, Map.of("suspend", true)),
                Arguments.of(Chart.PARTICIPANT, participant, Map.of("home.passphraseSecretName", "acme-passphrase")),
                Arguments.of(Chart.PARTICIPANT, participant, Map.of("podDisruptionBudget.enabled", true)),
                Arguments.of(Chart.PARTICIPANT, participant, Map.of("networkPolicy.enabled", false)),
                Arguments.of(
                        Chart.PARTICIPANT,
                        participant,
                        Map.of("invite.secretName", "", "invite.value", "sotto1.eyJ1Ijoi")),
                Arguments.of(
                        Chart.PARTICIPANT,
                        participant,
                        Map.of(
                                "data.dataset",
                                "mapping.yaml",
                                "data.skipBadLines",
                                true,
                                "training.threads",
                                4,
                                "training.device",
                                "cuda:1",
                                "logFormat",
                                "json")),
                Arguments.of(
                        Chart.PARTICIPANT,
                        participant,
                        Map.of(
                                "traces.endpoint",
                                "http://collector:4318",
                                "networkPolicy.traces.to[0].ipBlock.cidr",
                                "192.0.2.9/32")),
                Arguments.of(Chart.COORDINATOR, coordinator, Map.of("traces.endpoint", "http://collector:4318")),
                Arguments.of(Chart.PARTICIPANT, participant, Map.of("data.dataset", "gsm8k")),
                Arguments.of(Chart.PARTICIPANT, Chart.example("three-organisations/acme.yaml"), NONE),
                Arguments.of(Chart.PARTICIPANT, Chart.example("three-organisations/bank.yaml"), NONE),
                Arguments.of(Chart.PARTICIPANT, Chart.example("three-organisations/court.yaml"), NONE),
                Arguments.of(Chart.PARTICIPANT, Chart.example("air-gapped/acme.yaml"), NONE));
    }

    @ParameterizedTest
    @MethodSource("accepted")
    void everyObject_isOfItsKind_andItsPodIsRestricted(Chart chart, Path values, Map<String, ?> further)
            throws Exception {
        List<HasMetadata> objects = chart.objects(values, further);
        assertThat(objects).hasSizeGreaterThan(2);
        assertThat(Chart.pods(objects)).isNotEmpty().allSatisfy(ChartsTest::isRestricted);
        for (HasMetadata object : objects) {
            assertThat(object.getMetadata().getLabels()).containsKey("app.kubernetes.io/instance");
            assertThat(object.getMetadata().getName())
                    .startsWith(object instanceof KafkaNodePool ? "brokers" : chart.release());
        }
    }

    /// The profile `restricted` of the Pod Security Standards, and what this project adds.
    private static void isRestricted(PodSpec pod) {
        assertThat(pod.getSecurityContext().getRunAsNonRoot()).isTrue();
        assertThat(pod.getSecurityContext().getRunAsUser()).isPositive();
        assertThat(pod.getSecurityContext().getSeccompProfile().getType()).isEqualTo("RuntimeDefault");
        assertThat(pod.getSecurityContext().getFsGroupChangePolicy()).isEqualTo("OnRootMismatch");
        assertThat(pod.getAutomountServiceAccountToken()).isFalse();
        assertThat(pod.getHostNetwork()).isNull();
        assertThat(pod.getHostPID()).isNull();
        assertThat(pod.getHostIPC()).isNull();
        List<String> provided = new ArrayList<>(List.of("home"));
        for (Volume volume : pod.getVolumes()) {
            provided.add(volume.getName());
            assertThat(Stream.of(
                            volume.getConfigMap(),
                            volume.getSecret(),
                            volume.getProjected(),
                            volume.getEmptyDir(),
                            volume.getPersistentVolumeClaim()))
                    .as(volume.getName())
                    .filteredOn(source -> source != null)
                    .hasSize(1);
        }
        List<Container> containers = new ArrayList<>(pod.getContainers());
        containers.addAll(pod.getInitContainers());
        assertThat(containers).allSatisfy(container -> {
            assertThat(container.getSecurityContext().getAllowPrivilegeEscalation())
                    .isFalse();
            assertThat(container.getSecurityContext().getReadOnlyRootFilesystem())
                    .isTrue();
            assertThat(container.getSecurityContext().getCapabilities().getDrop())
                    .containsExactly("ALL");
            assertThat(container.getResources().getRequests()).containsKeys("cpu", "memory");
            assertThat(container.getResources().getLimits()).containsKey("memory");
            assertThat(provided)
                    .containsAll(container.getVolumeMounts().stream()
                            .map(VolumeMount::getName)
                            .toList());
        });
    }

    @Test
    void aFieldThatAKindDoesNotHave_isNoticed() {
        assertThatThrownBy(() -> Chart.parse("apiVersion: v1\nkind: Service\nspec:\n  port: 1\n"))
                .hasMessageContaining("\"port\"");
        assertThatThrownBy(() -> Chart.parse(
                        "apiVersion: kafka.strimzi.io/v1beta2\nkind: Kafka\nspec:\n  kafka:\n    brokers: 1\n"))
                .hasMessageContaining("\"brokers\"");
        assertThatThrownBy(() -> Chart.parse("apiVersion: v1\nkind: Secrets\n")).hasMessageContaining("v1/Secrets");
    }

    /// With `-Dsotto.golden=write` the files are written.
    @ParameterizedTest
    @MethodSource("charts")
    void leastValues_giveTheGoldenFile(Chart chart) throws Exception {
        Path golden = Chart.resource("golden/" + chart.name() + ".yaml");
        String text = chart.text(chart.least(), NONE);
        if ("write".equals(System.getProperty("sotto.golden"))) {
            Files.writeString(golden, text);
        }
        assertThat(text).isEqualTo(Files.readString(golden));
    }

    @ParameterizedTest
    @MethodSource("charts")
    void lint_findsNothing(Chart chart) throws Exception {
        // Lint takes no values: those that have no default are written into a copy.
        Path copy = Files.createDirectory(folder.resolve(chart.name()));
        chart.copyTo(copy);
        ObjectMapper yaml = new ObjectMapper(new YAMLFactory());
        ObjectNode values = (ObjectNode) Chart.yaml(copy.resolve("values.yaml"));
        yaml.readerForUpdating(values).readValue(chart.least().toFile());
        if (chart.equals(Chart.COORDINATOR)) {
            values.withObject("settings")
                    .put("federation", Files.readString(Chart.resource("federation.yaml")))
                    .put("layout", Files.readString(Chart.resource("adapter-layout.json")));
        } else {
            merge(values, (ObjectNode) Chart.yaml(chart.folder().resolve("values.yaml")));
        }
        yaml.writeValue(copy.resolve("values.yaml").toFile(), values);
        LintResult result = new Helm(copy).lint().strict().call();
        assertThat(result.isFailed())
                .as(String.join("\n", result.getMessages()))
                .isFalse();
    }

    /// Puts back what updating replaced as a whole.
    private static void merge(ObjectNode values, ObjectNode defaults) {
        defaults.properties().forEach(entry -> {
            if (!values.has(entry.getKey())) {
                values.set(entry.getKey(), entry.getValue());
            } else if (values.get(entry.getKey()) instanceof ObjectNode inner
                    && entry.getValue() instanceof ObjectNode original) {
                merge(inner, original);
            }
        });
    }

    @ParameterizedTest
    @MethodSource("charts")
    void chartAlone_isRefused_andHasNoSecret(Chart chart) throws Exception {
        assertThatThrownBy(() -> chart.template().call())
                .hasMessageContaining("values don't meet the specifications of the schema");
        assertThat(Chart.all(chart.objects(chart.least(), NONE), Secret.class)).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("charts")
    void everyTemplate_holdsOneObject(Chart chart) throws Exception {
        try (Stream<Path> files = Files.walk(chart.folder().resolve("templates"))) {
            for (Path file :
                    files.filter(path -> path.toString().endsWith(".yaml")).toList()) {
                assertThat(Files.readAllLines(file))
                        .as(file.toString())
                        .filteredOn(line -> line.startsWith("kind:"))
                        .hasSize(1);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("charts")
    void notes_tellTheNextCommand(Chart chart) {
        InstallCommand install = new Helm(chart.folder())
                .install()
                .withName(chart.release())
                .withNamespace("sotto")
                .withKubeVersion(Chart.KUBERNETES)
                .clientOnly()
                .dryRun()
                .withValuesFile(chart.least());
        if (chart.equals(Chart.COORDINATOR)) {
            install.setFile("settings.federation", Chart.resource("federation.yaml"))
                    .setFile("settings.layout", Chart.resource("adapter-layout.json"));
        }
        assertThat(install.call().getOutput())
                .contains(
                        chart.equals(Chart.COORDINATOR)
                                ? "sotto admin invite create ORGANISATION --coordinator FOLDER"
                                : "kubectl -n sotto exec acme-participant-0 -c agent -- java @/opt/sotto/sotto peers approve");
    }

    /// The secret of the issuer's client is a Secret's that somebody else made, and lies beside federation.yaml.
    @Test
    void signOn_mountsTheFilesThatFederationYamlNames_andTellsTheRedirectUri() throws Exception {
        ObjectNode values = (ObjectNode) Chart.yaml(Chart.COORDINATOR.least());
        values.withObject("settings")
                .put("federation", SIGN_ON)
                .put("layout", Files.readString(Chart.resource("adapter-layout.json")));
        values.withObject("oidc").put("secretName", "north-oidc");
        Path file = folder.resolve("values.yaml");
        new ObjectMapper(new YAMLFactory()).writeValue(file.toFile(), values);
        assertThat(Chart.COORDINATOR.template().withValuesFile(file).call().replaceAll("(?m)^ +", ""))
                .contains("""
                        - secret:
                        name: north-oidc
                        items:
                        - key: oidc-secret
                        path: oidc-secret
                        - key: issuer-ca.pem
                        path: issuer-ca.pem
                        """);
        InstallCommand install = new Helm(Chart.COORDINATOR.folder())
                .install()
                .withName(Chart.COORDINATOR.release())
                .withNamespace("sotto")
                .withKubeVersion(Chart.KUBERNETES)
                .clientOnly()
                .dryRun()
                .withValuesFile(file);
        assertThat(install.call().getOutput()).contains("People sign on with https://i at https://h:1/dashboard");
    }

    /// Chart, a value, what it is set to, and a word of the message.
    static List<Arguments> refused() {
        return List.of(
                Arguments.of(Chart.COORDINATOR, "replicas", 257, "replicas"),
                Arguments.of(Chart.COORDINATOR, "secretName", "", "secretName"),
                Arguments.of(Chart.COORDINATOR, "image.repository", "", "repository"),
                Arguments.of(Chart.COORDINATOR, "image.tag", "a b", "tag"),
                Arguments.of(Chart.COORDINATOR, "settings.layout", "a: b", "layout"),
                Arguments.of(Chart.COORDINATOR, "settings.federation", "url: http://h:1", "must be https://HOST:PORT"),
                Arguments.of(Chart.COORDINATOR, "settings.federation", "url: https://h:1", "adapter-layout.json"),
                Arguments.of(Chart.COORDINATOR, "settings.federation", "a: [", "is not YAML"),
                Arguments.of(Chart.COORDINATOR, "settings.federation", SIGN_ON, "oidc.secretName must name the Secret"),
                Arguments.of(
                        Chart.COORDINATOR,
                        "settings.federation",
                        SIGN_ON.replace("oidc-secret", "../x"),
                        "oidc names the file '../x'"),
                Arguments.of(Chart.COORDINATOR, "oidc.secretName", "north-oidc", "names no file"),
                Arguments.of(Chart.COORDINATOR, "oidc.clientSecret", "s3cret", "clientSecret"),
                Arguments.of(Chart.COORDINATOR, "replica", 1, "replica"),
                Arguments.of(Chart.COORDINATOR, "gateway.enabled", true, "parentRefs"),
                Arguments.of(Chart.COORDINATOR, "strimzi.enabled", true, "clusterName"),
                Arguments.of(Chart.COORDINATOR, "logFormat", "xml", "logFormat"),
                Arguments.of(Chart.COORDINATOR, "traces.endpoint", "collector:4318", "endpoint"),
                Arguments.of(Chart.PARTICIPANT, "traces.endpoint", "grpc://collector:4317", "endpoint"),
                Arguments.of(Chart.PARTICIPANT, "traces.endpoint", "http://collector:4318", "must name the collector"),
                Arguments.of(Chart.PARTICIPANT, "logFormat", "events", "logFormat"),
                Arguments.of(Chart.COORDINATOR, "monitoring.enabled", true, "secretName"),
                Arguments.of(Chart.COORDINATOR, "monitoring.interval", "often", "interval"),
                Arguments.of(Chart.COORDINATOR, "service.type", "ExternalName", "type"),
                Arguments.of(Chart.PARTICIPANT, "invite.value", "sotto2.abc", "value"),
                Arguments.of(Chart.PARTICIPANT, "invite.value", "sotto1.abc", "at most one of them"),
                Arguments.of(Chart.PARTICIPANT, "base.claimName", "", "claimName"),
                Arguments.of(Chart.PARTICIPANT, "base.path", "/etc", "path"),
                Arguments.of(Chart.PARTICIPANT, "data.files", List.of(), "files"),
                Arguments.of(Chart.PARTICIPANT, "training.device", "tpu", "device"),
                Arguments.of(Chart.PARTICIPANT, "training.compute", "FP16", "compute"),
                Arguments.of(Chart.PARTICIPANT, "gpu.count", -1, "count"),
                Arguments.of(Chart.PARTICIPANT, "policy.minSurvivors", 2, "minSurvivors"),
                Arguments.of(Chart.PARTICIPANT, "policy.verify", "sometimes", "verify"),
                Arguments.of(Chart.PARTICIPANT, "policy.privacy", Map.of("clipNorm", 1), "privacy"),
                Arguments.of(Chart.PARTICIPANT, "policy.largestshare", 0.4, "largestshare"),
                Arguments.of(Chart.PARTICIPANT, "networkPolicy.broker.to", List.of(), "to"),
                Arguments.of(Chart.PARTICIPANT, "networkPolicy.coordinator.to", List.of(), "must name the coordinator"),
                Arguments.of(Chart.PARTICIPANT, "suspend", "soon", "suspend"));
    }

    @ParameterizedTest
    @MethodSource("refused")
    void wrongValue_isRefused_byName(Chart chart, String value, Object wrong, String named) throws Exception {
        ObjectNode values = (ObjectNode) Chart.yaml(chart.least());
        if (chart.equals(Chart.COORDINATOR)) {
            values.withObject("settings")
                    .put("federation", Files.readString(Chart.resource("federation.yaml")))
                    .put("layout", Files.readString(Chart.resource("adapter-layout.json")));
        }
        ObjectNode inner = values;
        String[] path = value.split("\\.");
        for (int i = 0; i < path.length - 1; i++) {
            inner = inner.withObjectProperty(path[i]);
        }
        inner.putPOJO(path[path.length - 1], wrong);
        Path file = folder.resolve("values.yaml");
        new ObjectMapper(new YAMLFactory()).writeValue(file.toFile(), values);
        assertThatThrownBy(() -> chart.template().withValuesFile(file).call()).hasMessageContaining(named);
    }

    @ParameterizedTest
    @MethodSource("accepted")
    void everyCommand_isOneThatTheProgramHas(Chart chart, Path values, Map<String, ?> further) throws Exception {
        int commands = 0;
        for (PodSpec pod : Chart.pods(chart.objects(values, further))) {
            List<Container> containers = new ArrayList<>(pod.getInitContainers());
            containers.addAll(pod.getContainers());
            for (Container container : containers) {
                if (container.getCommand().isEmpty()) {
                    commands++;
                    String[] arguments = container.getArgs().toArray(String[]::new);
                    assertThatCode(() -> program(chart).parseArgs(arguments))
                            .as(container.getName())
                            .doesNotThrowAnyException();
                }
            }
        }
        assertThat(commands).isPositive();
    }

    private static CommandLine program(Chart chart) throws ReflectiveOperationException {
        if (chart.equals(Chart.PARTICIPANT)) {
            return Sotto.commandLine();
        }
        Method commandLine = Coordinator.class.getDeclaredMethod("commandLine");
        commandLine.setAccessible(true);
        return (CommandLine) commandLine.invoke(null);
    }

    @Test
    void policy_isTheOneThatEnrolmentWrites_unlessItIsChanged() throws Exception {
        Path template = folder.resolve("policy.yaml");
        Files.writeString(template, Policy.TEMPLATE);
        assertThat(policy(Chart.PARTICIPANT.least())).isEqualTo(Policy.read(template));
        Policy changed = policy(Chart.example("air-gapped/acme.yaml"));
        assertThat(changed.verify()).isEqualTo("all");
        assertThat(changed.mostRank()).isEqualTo(64);
        assertThat(changed.fewestExamples()).isEqualTo(1_000_000);
        assertThat(changed.privacy()).contains(new Policy.Privacy(1, 0.8, 0.0000005, 8));
    }

    private Policy policy(Path values) throws Exception {
        Path file = folder.resolve("rendered.yaml");
        ConfigMap map = Chart.only(Chart.PARTICIPANT.objects(values, NONE), ConfigMap.class);
        Files.writeString(file, map.getData().get("policy.yaml"));
        return Policy.read(file);
    }

    @Test
    void settings_areTheFilesThatWereGiven_andDecideThePort() throws Exception {
        List<HasMetadata> objects = Chart.COORDINATOR.objects(Chart.COORDINATOR.least(), NONE);
        for (Map.Entry<String, String> file :
                Chart.only(objects, ConfigMap.class).getData().entrySet()) {
            Files.writeString(folder.resolve(file.getKey()), file.getValue());
        }
        assertThat(Settings.read(folder.resolve("federation.yaml")))
                .isEqualTo(Settings.read(Chart.resource("federation.yaml")));
        assertThat(Chart.only(objects, Service.class)
                        .getSpec()
                        .getPorts()
                        .getFirst()
                        .getPort())
                .isEqualTo(8443);
        assertThat(coordinator(objects).getPorts().getFirst().getContainerPort())
                .isEqualTo(8443);
    }

    private static Container coordinator(List<HasMetadata> objects) {
        return Chart.only(objects, StatefulSet.class)
                .getSpec()
                .getTemplate()
                .getSpec()
                .getContainers()
                .getFirst();
    }

    @Test
    void portBelow1024_isOpenedForThePodAlone() throws Exception {
        Path federation = folder.resolve("federation.yaml");
        Files.writeString(
                federation, Files.readString(Chart.resource("federation.yaml")).replace(":8443", ":443"));
        String text = Chart.COORDINATOR
                .template()
                .withValuesFile(Chart.COORDINATOR.least())
                .setFile("settings.federation", federation)
                .setFile("settings.layout", Chart.resource("adapter-layout.json"))
                .call();
        StatefulSet set = Chart.only(Chart.parse(text), StatefulSet.class);
        assertThat(set.getSpec().getTemplate().getSpec().getSecurityContext().getSysctls())
                .singleElement()
                .satisfies(sysctl -> {
                    assertThat(sysctl.getName()).isEqualTo("net.ipv4.ip_unprivileged_port_start");
                    assertThat(sysctl.getValue()).isEqualTo("443");
                });
    }

    @Test
    void ingressAndGateway_sendTheUrlsHostToTheService() throws Exception {
        Ingress ingress = Chart.only(
                Chart.COORDINATOR.objects(Chart.COORDINATOR.least(), Map.of("ingress.enabled", true)), Ingress.class);
        assertThat(ingress.getSpec().getRules().getFirst().getHost()).isEqualTo("north-coordinator.sotto-north.svc");
        TLSRoute route = Chart.only(
                Chart.COORDINATOR.objects(
                        Chart.COORDINATOR.least(),
                        Map.of("gateway.enabled", true, "gateway.parentRefs[0].name", "edge")),
                TLSRoute.class);
        assertThat(route.getSpec().getHostnames()).containsExactly("north-coordinator.sotto-north.svc");
        assertThat(route.getSpec()
                        .getRules()
                        .getFirst()
                        .getBackendRefs()
                        .getFirst()
                        .getPort())
                .isEqualTo(8443);
        assertThatThrownBy(() -> Chart.COORDINATOR.text(
                        Chart.COORDINATOR.least(),
                        Map.of(
                                "ingress.enabled", true,
                                "gateway.enabled", true,
                                "gateway.parentRefs[0].name", "edge")))
                .hasMessageContaining("at most one of them");
    }

    @Test
    void strimzi_makesABrokerThatTrustsTheFederationsCertificatesOnly() throws Exception {
        List<HasMetadata> objects = Chart.COORDINATOR.objects(Chart.example("strimzi/coordinator.yaml"), NONE);
        Kafka kafka = Chart.only(objects, Kafka.class);
        assertThat(kafka.getSpec().getEntityOperator()).isNull();
        assertThat(kafka.getSpec().getKafka().getConfig()).containsEntry("auto.create.topics.enable", false);
        assertThat(kafka.getSpec().getKafka().getListeners()).singleElement().satisfies(listener -> {
            assertThat(listener.isTls()).isTrue();
            assertThat(listener.getAuth().getType()).isEqualTo("custom");
            assertThat(listener.getConfiguration().getBrokerCertChainAndKey().getSecretName())
                    .isEqualTo("north-broker");
        });
        assertThat(Chart.only(objects, KafkaNodePool.class).getSpec().getReplicas())
                .isEqualTo(3);
    }

    @Test
    void networkPolicy_letsTheAgentReachBrokerAndCoordinatorAndNothingElse() throws Exception {
        assertThat(egress(NONE))
                .extracting(rule -> rule.getPorts().getFirst().getPort().getIntVal())
                .containsExactly(9093, 8443, 53);
        // Without an invite, too: the certificate is to be renewed.
        assertThat(egress(Map.of("invite.secretName", "", "networkPolicy.dns.enabled", false)))
                .extracting(rule -> rule.getTo().getFirst().getIpBlock().getCidr())
                .containsExactly("192.0.2.0/28", "192.0.2.17/32");
    }

    @Test
    void traces_goToTheCollectorThatIsNamed_andNowhereByDefault() throws Exception {
        Map<String, ?> named = Map.of(
                "traces.endpoint", "http://192.0.2.9:4318", "networkPolicy.traces.to[0].ipBlock.cidr", "192.0.2.9/32");
        assertThat(egress(named)).hasSize(egress(NONE).size() + 1).anySatisfy(rule -> {
            assertThat(rule.getTo().getFirst().getIpBlock().getCidr()).isEqualTo("192.0.2.9/32");
            assertThat(rule.getPorts().getFirst().getPort().getIntVal()).isEqualTo(4318);
        });
        assertThat(Chart.PARTICIPANT.text(Chart.PARTICIPANT.least(), named))
                .contains("name: OTEL_EXPORTER_OTLP_ENDPOINT\n              value: \"http://192.0.2.9:4318\"");
        for (Chart chart : List.of(Chart.PARTICIPANT, Chart.COORDINATOR)) {
            assertThat(chart.text(chart.least(), NONE)).doesNotContain("OTEL_");
        }
    }

    private static List<NetworkPolicyEgressRule> egress(Map<String, ?> further) throws IOException {
        List<HasMetadata> objects = Chart.PARTICIPANT.objects(Chart.PARTICIPANT.least(), further);
        NetworkPolicy policy = Chart.only(objects, NetworkPolicy.class);
        assertThat(policy.getSpec().getPolicyTypes()).containsExactly("Ingress", "Egress");
        assertThat(policy.getSpec().getIngress()).isEmpty();
        Map<String, String> selected = policy.getSpec().getPodSelector().getMatchLabels();
        assertThat(Chart.only(objects, StatefulSet.class)
                        .getSpec()
                        .getTemplate()
                        .getMetadata()
                        .getLabels())
                .containsAllEntriesOf(selected);
        assertThat(Chart.all(objects, Pod.class))
                .isNotEmpty()
                .allSatisfy(pod -> assertThat(pod.getMetadata().getLabels()).containsAllEntriesOf(selected));
        assertThat(policy.getSpec().getEgress())
                .noneSatisfy(rule -> assertThat(rule.getTo()).isEmpty());
        return policy.getSpec().getEgress();
    }

    @Test
    void replicas_keepTheirNames_andOneAtATimeMayBeEvicted() throws Exception {
        List<HasMetadata> objects = Chart.COORDINATOR.objects(
                Chart.COORDINATOR.least(), Map.of("replicas", 3, "podDisruptionBudget.enabled", true));
        StatefulSet set = Chart.only(objects, StatefulSet.class);
        assertThat(set.getSpec().getReplicas()).isEqualTo(3);
        // A standby waits for no other pod, and nothing of it must outlive it.
        assertThat(set.getSpec().getPodManagementPolicy()).isEqualTo("Parallel");
        assertThat(set.getSpec().getVolumeClaimTemplates()).isEmpty();
        assertThat(Chart.only(objects, PodDisruptionBudget.class)
                        .getSpec()
                        .getMaxUnavailable()
                        .getIntVal())
                .isOne();
    }

    @Test
    void suspended_theAgentIsStoppedAndItsHomeStays() throws Exception {
        List<HasMetadata> objects = Chart.PARTICIPANT.objects(Chart.PARTICIPANT.least(), Map.of("suspend", true));
        StatefulSet set = Chart.only(objects, StatefulSet.class);
        assertThat(set.getSpec().getReplicas()).isZero();
        assertThat(set.getSpec().getVolumeClaimTemplates())
                .singleElement()
                .satisfies(claim -> assertThat(claim.getMetadata().getName()).isEqualTo("home"));
        assertThat(set.getSpec().getPersistentVolumeClaimRetentionPolicy()).isNull();
        assertThat(Chart.all(objects, PodDisruptionBudget.class)).isEmpty();
    }

    @Test
    void invite_isASecret_andInNoOtherObject() throws Exception {
        String invite = "sotto1.eyJ1IjoiaHR0cHM";
        List<HasMetadata> objects = Chart.PARTICIPANT.objects(
                Chart.PARTICIPANT.least(), Map.of("invite.secretName", "", "invite.value", invite));
        assertThat(Chart.only(objects, Secret.class).getStringData()).containsEntry("invite", invite);
        assertThat(objects)
                .filteredOn(object -> !(object instanceof Secret))
                .noneSatisfy(object -> assertThat(object.toString()).contains(invite));
    }

    /// Why it is no Job: ADR 19.
    /// Both make or read the keys; the Secret is readable by root and the pod's group, as the programs want it.
    @Test
    void passphrase_isGivenToEnrolmentAndAgent_asAFile() throws Exception {
        PodSpec pod = Chart.only(
                        Chart.PARTICIPANT.objects(
                                Chart.PARTICIPANT.least(), Map.of("home.passphraseSecretName", "acme-passphrase")),
                        StatefulSet.class)
                .getSpec()
                .getTemplate()
                .getSpec();
        assertThat(Stream.of(pod.getInitContainers(), pod.getContainers()).flatMap(List::stream))
                .hasSize(2)
                .allSatisfy(container -> {
                    assertThat(container.getEnv())
                            .filteredOn(one -> one.getName().equals("SOTTO_PASSPHRASE_FILE"))
                            .singleElement()
                            .satisfies(one -> assertThat(one.getValue()).isEqualTo("/etc/sotto/passphrase"));
                    assertThat(container.getVolumeMounts())
                            .extracting(VolumeMount::getMountPath)
                            .contains("/etc/sotto");
                });
        assertThat(pod.getVolumes())
                .filteredOn(volume -> volume.getName().equals("passphrase"))
                .singleElement()
                .satisfies(volume -> {
                    assertThat(volume.getSecret().getSecretName()).isEqualTo("acme-passphrase");
                    assertThat(volume.getSecret().getDefaultMode()).isEqualTo(0400);
                });
    }

    @Test
    void participant_enrolsInTheAgentsOwnPod_andNothingElseDoes() throws Exception {
        List<HasMetadata> objects = Chart.PARTICIPANT.objects(Chart.PARTICIPANT.least(), NONE);
        PodSpec pod =
                Chart.only(objects, StatefulSet.class).getSpec().getTemplate().getSpec();
        Container agent = pod.getContainers().getFirst();
        assertThat(pod.getInitContainers()).singleElement().satisfies(enroll -> {
            assertThat(enroll.getArgs()).startsWith("enroll", "--unless-member");
            assertThat(enroll.getImage()).isEqualTo(agent.getImage());
            assertThat(enroll.getSecurityContext()).isEqualTo(agent.getSecurityContext());
            assertThat(agent.getVolumeMounts()).containsAll(enroll.getVolumeMounts());
            assertThat(enroll.getVolumeMounts())
                    .extracting(VolumeMount::getMountPath)
                    .contains("/home/sotto")
                    .doesNotContain("/data", "/base");
            assertThat(enroll.getEnv())
                    .filteredOn(one -> one.getName().equals("SOTTO_INVITE"))
                    .singleElement()
                    .satisfies(invite -> assertThat(
                                    invite.getValueFrom().getSecretKeyRef().getOptional())
                            .isTrue());
        });
        assertThat(pod.getAutomountServiceAccountToken()).isFalse();
        assertThat(objects)
                .extracting(HasMetadata::getKind)
                .doesNotContain("Job", "Role", "RoleBinding", "PersistentVolumeClaim");
    }

    @Test
    void card_isALimitOfTheAgent() throws Exception {
        List<HasMetadata> objects = Chart.PARTICIPANT.objects(Chart.example("air-gapped/acme.yaml"), NONE);
        PodSpec pod =
                Chart.only(objects, StatefulSet.class).getSpec().getTemplate().getSpec();
        assertThat(pod.getContainers().getFirst().getResources().getLimits())
                .containsEntry("nvidia.com/gpu", new Quantity("1"));
        assertThat(pod.getInitContainers().getFirst().getResources().getLimits())
                .doesNotContainKey("nvidia.com/gpu");
    }
}
