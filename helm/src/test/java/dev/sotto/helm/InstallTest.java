package dev.sotto.helm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import com.marcnuri.helm.Helm;
import com.marcnuri.helm.InstallCommand;
import com.marcnuri.helm.Release;
import com.marcnuri.helm.UpgradeCommand;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What Helm does with an API server: it installs the charts, tests, upgrades, rolls out changes and uninstalls them.
/// The server keeps objects and no rules, and nothing runs.
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class InstallTest {
    private static final String NAMESPACE = "sotto";
    private static final int HOOK_SECONDS = 20;

    private final ApiServer server = new ApiServer(Chart.KUBERNETES);
    private final KubernetesClient client = server.client();

    @AfterEach
    void stop() {
        server.close();
    }

    static List<Chart> charts() {
        return List.of(Chart.COORDINATOR, Chart.PARTICIPANT);
    }

    @ParameterizedTest
    @MethodSource("charts")
    void install_makesEveryObject_andSaysWhatIsNext(Chart chart) throws Exception {
        Release release = install(chart, Map.of());

        assertThat(release.getStatus()).isEqualTo("deployed");
        assertThat(release.getRevision()).isEqualTo("1");
        assertThat(release.getOutput())
                .contains(
                        chart.equals(Chart.COORDINATOR)
                                ? "sotto admin invite create ORGANISATION --coordinator FOLDER"
                                : "peers approve ORGANISATION=FINGERPRINT");
        assertThat(kept()).isEqualTo(names(rendered(chart, Map.of()))).hasSizeGreaterThanOrEqualTo(4);
        assertThat(statefulSet(chart).getMetadata().getLabels())
                .containsEntry("app.kubernetes.io/managed-by", "Helm")
                .containsEntry("app.kubernetes.io/instance", chart.release());
    }

    @Test
    void coordinatorsUpgrade_scalesIt_andRollsChangedSettingsOut_andTakesAwayWhatIsSwitchedOff(@TempDir Path folder)
            throws Exception {
        install(Chart.COORDINATOR, Map.of("podDisruptionBudget.enabled", true, "replicas", 2));
        String before = settings(statefulSet(Chart.COORDINATOR));
        assertThat(statefulSet(Chart.COORDINATOR).getSpec().getReplicas()).isEqualTo(2);
        assertThat(kept()).contains("PodDisruptionBudget north-coordinator");

        Path changed = Files.writeString(
                folder.resolve("federation.yaml"),
                Files.readString(Chart.resource("federation.yaml")) + "\n# Changed.\n");
        Release release = upgrade(
                Chart.COORDINATOR, Map.of("replicas", 3), command -> command.setFile("settings.federation", changed));

        assertThat(release.getRevision()).isEqualTo("2");
        assertThat(statefulSet(Chart.COORDINATOR).getSpec().getReplicas()).isEqualTo(3);
        // Another annotation is another pod: it reads its settings at the start only.
        assertThat(settings(statefulSet(Chart.COORDINATOR))).isNotEqualTo(before);
        assertThat(client.configMaps()
                        .inNamespace(NAMESPACE)
                        .withName("north-coordinator")
                        .get()
                        .getData()
                        .get("federation.yaml"))
                .contains("# Changed.");
        assertThat(kept()).doesNotContain("PodDisruptionBudget north-coordinator");
    }

    @Test
    void upgradeThatChangesNothing_touchesNoPod() throws Exception {
        install(Chart.COORDINATOR, Map.of());
        StatefulSet before = statefulSet(Chart.COORDINATOR);
        int changes = server.changes().size();

        Release release = upgrade(Chart.COORDINATOR, Map.of(), UnaryOperator.identity());

        assertThat(release.getRevision()).isEqualTo("2");
        assertThat(statefulSet(Chart.COORDINATOR).getSpec()).isEqualTo(before.getSpec());
        assertThat(server.changes().subList(changes, server.changes().size()))
                .noneMatch(change -> change.contains("statefulsets"));
    }

    @Test
    void membersUpgrade_suspendsIt_andGoesOn_andKeepsItsHome() throws Exception {
        install(Chart.PARTICIPANT, Map.of());
        StatefulSet first = statefulSet(Chart.PARTICIPANT);
        assertThat(first.getSpec().getReplicas()).isEqualTo(1);

        Release suspended = upgrade(Chart.PARTICIPANT, Map.of("suspend", true), UnaryOperator.identity());
        assertThat(suspended.getOutput()).contains("takes part in no round");
        assertThat(statefulSet(Chart.PARTICIPANT).getSpec().getReplicas()).isZero();

        Map<String, ?> further = Map.of("policy.mostSteps", 7, "image.tag", "0.2.0", "image.pullPolicy", "Always");
        upgrade(Chart.PARTICIPANT, further, UnaryOperator.identity());
        StatefulSet third = statefulSet(Chart.PARTICIPANT);
        PodSpec pod = third.getSpec().getTemplate().getSpec();
        assertThat(Stream.of(pod.getInitContainers(), pod.getContainers()).flatMap(List::stream))
                .extracting(Container::getName, Container::getImage, Container::getImagePullPolicy)
                .containsExactly(
                        tuple("enroll", "registry.example/sotto-participant:0.2.0", "Always"),
                        tuple("agent", "registry.example/sotto-participant:0.2.0", "Always"));
        // As a fresh install would have made it.
        assertThat(third.getSpec())
                .isEqualTo(Chart.only(rendered(Chart.PARTICIPANT, further), StatefulSet.class)
                        .getSpec());
        assertThat(third.getSpec().getReplicas()).isEqualTo(1);
        assertThat(annotation(third, "sotto.dev/policy")).isNotEqualTo(annotation(first, "sotto.dev/policy"));
        // What Kubernetes lets nobody change of a StatefulSet.
        assertThat(third.getSpec().getVolumeClaimTemplates())
                .isEqualTo(first.getSpec().getVolumeClaimTemplates());
        assertThat(third.getSpec().getSelector()).isEqualTo(first.getSpec().getSelector());
        assertThat(third.getSpec().getServiceName()).isEqualTo(first.getSpec().getServiceName());
    }

    @Test
    void valuesThatAreRefused_changeNothing() throws Exception {
        assertThatThrownBy(() -> install(Chart.PARTICIPANT, Map.of("replicas", 2)))
                .hasMessageContaining("replicas");
        assertThat(server.changes()).isEmpty();

        install(Chart.PARTICIPANT, Map.of());
        List<String> changes = server.changes();
        assertThatThrownBy(
                        () -> upgrade(Chart.PARTICIPANT, Map.of("training.compute", "fp64"), UnaryOperator.identity()))
                .hasMessageContaining("compute");
        assertThat(server.changes()).isEqualTo(changes);
        assertThat(history("acme")).containsExactly("1 deployed");
    }

    @Test
    void tests_runAsPods_andGoWhenTheyHavePassed() throws Exception {
        install(Chart.PARTICIPANT, Map.of());

        Release tested = helmTest("acme");

        assertThat(tested.getStatus()).isEqualTo("deployed");
        assertThat(server.changes())
                .contains(
                        "POST /api/v1/namespaces/sotto/pods",
                        "DELETE /api/v1/namespaces/sotto/pods/acme-participant-policy")
                .contains("DELETE /api/v1/namespaces/sotto/pods/acme-participant-peers");
        assertThat(client.pods().inNamespace(NAMESPACE).list().getItems()).isEmpty();
    }

    @Test
    void testThatFails_isNamed_andItsPodStaysToBeRead() throws Exception {
        install(Chart.PARTICIPANT, Map.of());
        server.podsEnd("Failed");

        assertThatThrownBy(() -> helmTest("acme")).hasMessageContaining("acme-participant-peers");
        assertThat(client.pods().inNamespace(NAMESPACE).list().getItems())
                .extracting((Pod pod) -> pod.getMetadata().getName())
                .containsExactly("acme-participant-peers");
    }

    @Test
    void uninstall_leavesStrimzisKafka_andNothingElse() throws Exception {
        install(Chart.COORDINATOR, Chart.example("strimzi/coordinator.yaml"), Map.of());
        assertThat(kept()).contains("Kafka north", "KafkaNodePool brokers", "StatefulSet north-coordinator");

        String said = Helm.uninstall("north")
                .withNamespace(NAMESPACE)
                .withKubeConfigContents(server.kubeconfig())
                .call();

        assertThat(said).contains("[Kafka] north", "[KafkaNodePool] brokers");
        assertThat(kept()).containsExactlyInAnyOrder("Kafka north", "KafkaNodePool brokers");
        assertThat(history("north")).isEmpty();
    }

    private Release install(Chart chart, Map<String, ?> further) {
        return install(chart, chart.least(), further);
    }

    private Release install(Chart chart, Path values, Map<String, ?> further) {
        InstallCommand command = new Helm(chart.folder())
                .install()
                .withName(chart.release())
                .withNamespace(NAMESPACE)
                .withKubeConfigContents(server.kubeconfig())
                .withValuesFile(values);
        if (chart.equals(Chart.COORDINATOR)) {
            command.setFile("settings.federation", Chart.resource("federation.yaml"))
                    .setFile("settings.layout", Chart.resource("adapter-layout.json"));
        }
        further.forEach(command::set);
        return command.call();
    }

    private Release upgrade(Chart chart, Map<String, ?> further, UnaryOperator<UpgradeCommand> last) {
        UpgradeCommand command = new Helm(chart.folder())
                .upgrade()
                .withName(chart.release())
                .withNamespace(NAMESPACE)
                .withKubeConfigContents(server.kubeconfig())
                .withValuesFile(chart.least());
        if (chart.equals(Chart.COORDINATOR)) {
            command.setFile("settings.federation", Chart.resource("federation.yaml"))
                    .setFile("settings.layout", Chart.resource("adapter-layout.json"));
        }
        further.forEach(command::set);
        return last.apply(command).call();
    }

    private Release helmTest(String release) {
        return Helm.test(release)
                .withNamespace(NAMESPACE)
                .withKubeConfigContents(server.kubeconfig())
                .withTimeout(HOOK_SECONDS)
                .call();
    }

    private List<String> history(String release) {
        return client
                .secrets()
                .inNamespace(NAMESPACE)
                .withLabels(Map.of("owner", "helm", "name", release))
                .list()
                .getItems()
                .stream()
                .map(note -> note.getMetadata().getLabels())
                .map(labels -> labels.get("version") + " " + labels.get("status"))
                .toList();
    }

    /// Without the tests, which are no objects before they are run.
    private static List<HasMetadata> rendered(Chart chart, Map<String, ?> further) throws Exception {
        return chart.objects(chart.least(), further).stream()
                .filter(object -> !(object instanceof Pod))
                .toList();
    }

    private static Set<String> names(List<HasMetadata> objects) {
        return objects.stream().map(InstallTest::name).collect(Collectors.toCollection(TreeSet::new));
    }

    private static String name(HasMetadata object) {
        return object.getKind() + " " + object.getMetadata().getName();
    }

    /// What the server has, but for Helm's notes.
    private Set<String> kept() {
        return Chart.kinds().stream()
                .flatMap(kind -> kept(kind).stream())
                .filter(object -> !"helm.sh/release.v1"
                        .equals(object.getAdditionalProperties().get("type")))
                .map(InstallTest::name)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private List<GenericKubernetesResource> kept(Class<? extends HasMetadata> kind) {
        return client.genericKubernetesResources(HasMetadata.getApiVersion(kind), HasMetadata.getKind(kind))
                .inNamespace(NAMESPACE)
                .list()
                .getItems();
    }

    private StatefulSet statefulSet(Chart chart) {
        return client.apps()
                .statefulSets()
                .inNamespace(NAMESPACE)
                .withName(chart.release() + "-" + chart.name())
                .get();
    }

    private static String settings(StatefulSet set) {
        return annotation(set, "sotto.dev/settings");
    }

    private static String annotation(StatefulSet set, String name) {
        return Objects.requireNonNull(
                set.getSpec().getTemplate().getMetadata().getAnnotations().get(name), name);
    }
}
