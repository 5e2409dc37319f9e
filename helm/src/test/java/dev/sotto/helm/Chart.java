package dev.sotto.helm;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.marcnuri.helm.Helm;
import com.marcnuri.helm.TemplateCommand;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.gatewayapi.v1alpha2.TLSRoute;
import io.fabric8.kubernetes.api.model.networking.v1.Ingress;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.openshift.api.model.monitoring.v1.PrometheusRule;
import io.fabric8.openshift.api.model.monitoring.v1.ServiceMonitor;
import io.strimzi.api.kafka.model.kafka.Kafka;
import io.strimzi.api.kafka.model.nodepool.KafkaNodePool;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// One of the two charts, and what Helm makes of it.
///
/// @param name     of its folder in this module
/// @param rendered a copy whose tests are ordinary objects: helm-java's `template` prints no hooks
record Chart(String name, Path rendered) {
    static final Chart COORDINATOR = chart("coordinator");
    static final Chart PARTICIPANT = chart("participant");

    /// That Helm is told to render for.
    static final String KUBERNETES = "1.31.0";

    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

    /// The models keep fields that they do not know in a map; here such a field is an error.
    private static final ObjectMapper STRICT = new ObjectMapper()
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .setAnnotationIntrospector(new JacksonAnnotationIntrospector() {
                private static final long serialVersionUID = 1;

                @Override
                public Boolean hasAnySetter(Annotated annotated) {
                    return false;
                }
            });

    private static final Map<String, Class<? extends HasMetadata>> KINDS = Map.ofEntries(
            Map.entry("v1/ConfigMap", ConfigMap.class),
            Map.entry("v1/Pod", Pod.class),
            Map.entry("v1/Secret", Secret.class),
            Map.entry("v1/Service", Service.class),
            Map.entry("v1/ServiceAccount", ServiceAccount.class),
            Map.entry("apps/v1/StatefulSet", StatefulSet.class),
            Map.entry("networking.k8s.io/v1/Ingress", Ingress.class),
            Map.entry("networking.k8s.io/v1/NetworkPolicy", NetworkPolicy.class),
            Map.entry("monitoring.coreos.com/v1/PrometheusRule", PrometheusRule.class),
            Map.entry("monitoring.coreos.com/v1/ServiceMonitor", ServiceMonitor.class),
            Map.entry("policy/v1/PodDisruptionBudget", PodDisruptionBudget.class),
            Map.entry("gateway.networking.k8s.io/v1alpha2/TLSRoute", TLSRoute.class),
            Map.entry("kafka.strimzi.io/v1beta2/Kafka", Kafka.class),
            Map.entry("kafka.strimzi.io/v1beta2/KafkaNodePool", KafkaNodePool.class));

    /// That the charts make.
    static Collection<Class<? extends HasMetadata>> kinds() {
        return KINDS.values();
    }

    private static Chart chart(String name) {
        try {
            Path rendered = Files.createTempDirectory(
                    Files.createDirectories(Path.of("target", "charts")).toAbsolutePath(), name);
            Chart chart = new Chart(name, rendered);
            chart.copyTo(rendered);
            try (Stream<Path> tests = Files.list(rendered.resolve("templates/tests"))) {
                for (Path test : tests.toList()) {
                    Files.writeString(test, Files.readString(test).replaceAll("    helm\\.sh/hook: test\n", ""));
                }
            }
            return chart;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Path folder() {
        return Path.of(name).toAbsolutePath();
    }

    /// Copies all of it into a folder that is there.
    void copyTo(Path copy) throws IOException {
        try (Stream<Path> files = Files.walk(folder())) {
            for (Path file : files.skip(1).toList()) {
                Files.copy(file, copy.resolve(folder().relativize(file)));
            }
        }
    }

    @Override
    public String toString() {
        return name;
    }

    /// The least values that are accepted.
    Path least() {
        return resource(name + ".yaml");
    }

    static Path resource(String file) {
        return Path.of("src", "test", "resources", file).toAbsolutePath();
    }

    static Path example(String file) {
        return Path.of("examples", file).toAbsolutePath();
    }

    /// What the release is called.
    String release() {
        return this.equals(COORDINATOR) ? "north" : "acme";
    }

    /// `helm template`, without values.
    TemplateCommand template() {
        return new Helm(rendered)
                .template()
                .withName(release())
                .withNamespace("sotto")
                .withKubeVersion(KUBERNETES);
    }

    /// The text that `helm template` prints for a release `acme` or `north`.
    String text(Path values, Map<String, ?> further) {
        TemplateCommand command = template().withValuesFile(values);
        if (this.equals(COORDINATOR)) {
            command.setFile("settings.federation", resource("federation.yaml"))
                    .setFile("settings.layout", resource("adapter-layout.json"));
        }
        further.forEach(command::set);
        return command.call();
    }

    /// The objects of [#text], each read strictly by the model of its kind.
    ///
    /// @throws IOException naming a field that the kind does not have
    List<HasMetadata> objects(Path values, Map<String, ?> further) throws IOException {
        return parse(text(values, further));
    }

    static List<HasMetadata> parse(String text) throws IOException {
        List<HasMetadata> objects = new ArrayList<>();
        try (MappingIterator<JsonNode> documents =
                YAML.readerFor(JsonNode.class).readValues(text)) {
            while (documents.hasNext()) {
                JsonNode document = documents.next();
                String kind = document.path("apiVersion").asText() + "/"
                        + document.path("kind").asText();
                @Nullable Class<? extends HasMetadata> type = KINDS.get(kind);
                if (type == null) {
                    throw new IOException("no model for '" + kind + "'");
                }
                objects.add(STRICT.treeToValue(document, type));
            }
        }
        return objects;
    }

    static <T> T only(List<HasMetadata> objects, Class<T> type) {
        List<T> found = all(objects, type);
        if (found.size() != 1) {
            throw new AssertionError(found.size() + " of " + type.getSimpleName());
        }
        return found.getFirst();
    }

    static <T> List<T> all(List<HasMetadata> objects, Class<T> type) {
        return objects.stream().filter(type::isInstance).map(type::cast).toList();
    }

    /// Of the stateful set and of the tests.
    static List<PodSpec> pods(List<HasMetadata> objects) {
        List<PodSpec> pods = new ArrayList<>();
        all(objects, StatefulSet.class)
                .forEach(set -> pods.add(set.getSpec().getTemplate().getSpec()));
        all(objects, Pod.class).forEach(pod -> pods.add(pod.getSpec()));
        return pods;
    }

    static JsonNode yaml(Path file) throws IOException {
        JsonNode read = YAML.readTree(file.toFile());
        return read == null ? MissingNode.getInstance() : read;
    }
}
