package dev.sotto.helm;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.InvalidProtocolBufferException;
import io.fabric8.kubernetes.api.model.APIGroup;
import io.fabric8.kubernetes.api.model.APIGroupBuilder;
import io.fabric8.kubernetes.api.model.APIGroupListBuilder;
import io.fabric8.kubernetes.api.model.APIResource;
import io.fabric8.kubernetes.api.model.APIResourceBuilder;
import io.fabric8.kubernetes.api.model.APIResourceListBuilder;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodStatusBuilder;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.CustomResourceDefinitionContext;
import io.fabric8.kubernetes.client.server.mock.KubernetesMixedDispatcher;
import io.fabric8.kubernetes.client.server.mock.KubernetesMockServer;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.fabric8.mockwebserver.Context;
import io.fabric8.mockwebserver.MockWebServer;
import io.fabric8.mockwebserver.ServerRequest;
import io.fabric8.mockwebserver.ServerResponse;
import io.fabric8.mockwebserver.dsl.HttpMethod;
import io.fabric8.mockwebserver.http.Buffer;
import io.fabric8.mockwebserver.http.Dispatcher;
import io.fabric8.mockwebserver.http.MockResponse;
import io.fabric8.mockwebserver.http.RecordedRequest;
import io.kubernetes.client.proto.Meta.ObjectMeta;
import io.kubernetes.client.proto.Runtime.Unknown;
import io.kubernetes.client.proto.V1;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;

/// An API server of Kubernetes, as far as Helm and `kubectl create` need one: fabric8's mock, which keeps what it
/// is given. It knows the
/// kinds of [Chart], but not their rules ([ChartsTest] does), and starts no pod: one that is made is over at once.
final class ApiServer implements AutoCloseable {
    private static final String PROTOBUF = "application/vnd.kubernetes.protobuf";
    private static final String STRATEGIC = "application/strategic-merge-patch+json";
    private static final ObjectMapper JSON = new ObjectMapper();
    /// With which Helm's library asks what there is.
    private static final String QUERY = "?timeout=32s";
    /// In front of what Kubernetes encodes so: `k8s` and a zero.
    private static final int MAGIC = 4;

    private final KubernetesMockServer server;
    private final KubernetesClient client;
    private final List<String> changes = new CopyOnWriteArrayList<>();
    private volatile String podsEnd = "Succeeded";

    /// Starts it.
    ///
    /// @param version that it says it is, as `1.31.0`
    ApiServer(String version) {
        Map<ServerRequest, Queue<ServerResponse>> expected = new HashMap<>();
        Dispatcher kept = new KubernetesMixedDispatcher(expected);
        server = new KubernetesMockServer(new Context(), new MockWebServer(), expected, new Translating(kept), false);
        server.init();
        tellVersion(version);
        tellKinds();
        client = server.createClient();
    }

    /// Where it is, for Helm.
    String kubeconfig() {
        return """
                apiVersion: v1
                kind: Config
                clusters: [{name: mock, cluster: {server: 'http://%s:%d'}}]
                users: [{name: mock, user: {token: none}}]
                contexts: [{name: mock, context: {cluster: mock, user: mock}}]
                current-context: mock
                """.formatted(server.getHostName(), server.getPort());
    }

    /// Reads what it keeps.
    KubernetesClient client() {
        return client;
    }

    /// What was asked of it that changes anything, as `PATCH /apis/apps/v1/…`, but for Secrets, in which Helm has
    /// its notes.
    List<String> changes() {
        return List.copyOf(changes);
    }

    /// Pods that are made from now on end like that, at once.
    ///
    /// @param phase `Succeeded` or `Failed`
    void podsEnd(String phase) {
        podsEnd = phase;
    }

    @Override
    public void close() {
        client.close();
        server.destroy();
    }

    private void tellVersion(String version) {
        String[] numbers = version.split("\\.");
        tell("/version", Map.of("major", numbers[0], "minor", numbers[1], "gitVersion", "v" + version));
    }

    /// What Helm asks before it makes anything.
    private void tellKinds() {
        Map<String, List<APIResource>> kinds = new TreeMap<>();
        for (Class<? extends HasMetadata> kind : Chart.kinds()) {
            kinds.computeIfAbsent(HasMetadata.getApiVersion(kind), version -> new ArrayList<>())
                    .add(new APIResourceBuilder()
                            .withName(HasMetadata.getPlural(kind))
                            .withKind(HasMetadata.getKind(kind))
                            .withNamespaced(Namespaced.class.isAssignableFrom(kind))
                            .withVerbs("create", "delete", "get", "list", "patch", "update", "watch")
                            .build());
            // The mock has Kubernetes' own kinds.
            if (HasMetadata.getGroup(kind).contains(".")) {
                server.expectCustomResource(new CustomResourceDefinitionContext.Builder()
                        .withGroup(HasMetadata.getGroup(kind))
                        .withVersion(HasMetadata.getVersion(kind))
                        .withKind(HasMetadata.getKind(kind))
                        .withPlural(HasMetadata.getPlural(kind))
                        .withScope("Namespaced")
                        .build());
            }
        }
        List<APIGroup> groups = new ArrayList<>();
        kinds.forEach((version, resources) -> {
            String[] parts = version.split("/");
            tell(
                    (parts.length == 1 ? "/api/" : "/apis/") + version,
                    new APIResourceListBuilder()
                            .withGroupVersion(version)
                            .withResources(resources)
                            .build());
            if (parts.length == 2) {
                groups.add(new APIGroupBuilder()
                        .withName(parts[0])
                        .addNewVersion(version, parts[1])
                        .withNewPreferredVersion(version, parts[1])
                        .build());
            }
        });
        tellThatFieldsAreValidated(kinds.keySet());
        tell("/api", Map.of("kind", "APIVersions", "versions", List.of("v1")));
        tell("/apis", new APIGroupListBuilder().withGroups(groups).build());
    }

    /// Else Helm would ask for all schemas to do it itself. Nobody does: [ChartsTest] reads every object strictly.
    private void tellThatFieldsAreValidated(Set<String> versions) {
        Map<String, Object> documents = new TreeMap<>();
        for (String version : versions) {
            String path = (version.contains("/") ? "apis/" : "api/") + version;
            documents.put(path, Map.of("serverRelativeURL", "/openapi/v3/" + path));
            Map<String, Object> operations = new TreeMap<>();
            for (Class<? extends HasMetadata> kind : Chart.kinds()) {
                if (HasMetadata.getApiVersion(kind).equals(version)) {
                    operations.put(
                            "/" + path + "/namespaces/{namespace}/" + HasMetadata.getPlural(kind) + "/{name}",
                            Map.of(
                                    "patch",
                                    Map.of(
                                            "parameters",
                                            List.of(Map.of("name", "fieldValidation", "in", "query")),
                                            "x-kubernetes-group-version-kind",
                                            Map.of(
                                                    "group", HasMetadata.getGroup(kind),
                                                    "version", HasMetadata.getVersion(kind),
                                                    "kind", HasMetadata.getKind(kind)))));
                }
            }
            tell("/openapi/v3/" + path, Map.of("openapi", "3.0.0", "paths", operations));
        }
        tell("/openapi/v3", Map.of("paths", documents));
    }

    private void tell(String path, Object answer) {
        server.expect().get().withPath(path + QUERY).andReturn(200, answer).always();
    }

    /// Helm writes its notes of releases, which are Secrets, in Kubernetes' protobuf, and so does `kubectl`; the mock
    /// reads JSON.
    private final class Translating extends Dispatcher {
        private final Dispatcher kept;

        Translating(Dispatcher kept) {
            this.kept = kept;
        }

        @Override
        public MockResponse dispatch(RecordedRequest request) {
            try {
                RecordedRequest plain =
                        PROTOBUF.equals(request.getHeader("Content-Type")) ? with(request, json(request)) : request;
                String path = path(plain);
                if (!plain.getMethod().equals("GET") && !path.contains("/secrets")) {
                    changes.add(plain.getMethod() + " " + path);
                }
                if (plain.getMethod().equals("POST") && path.endsWith("/pods")) {
                    Pod pod = Serialization.unmarshal(plain.getUtf8Body(), Pod.class);
                    pod.setStatus(new PodStatusBuilder().withPhase(podsEnd).build());
                    plain = with(plain, Serialization.asJson(pod));
                }
                if (STRATEGIC.equals(plain.getHeader("Content-Type"))) {
                    plain = patched(plain);
                }
                return typed(plain, kept.dispatch(plain));
            } catch (IOException | RuntimeException e) {
                // Without an answer Helm would wait for ever.
                return new MockResponse().setResponseCode(500).setBody(String.valueOf(e));
            }
        }

        /// Helm takes what does not say its type for what it sent, and a list that does not say of what for none.
        private static MockResponse typed(RecordedRequest request, MockResponse answer) {
            answer.setHeader("Content-Type", "application/json");
            for (Class<? extends HasMetadata> kind : Chart.kinds()) {
                if (path(request).endsWith("/" + HasMetadata.getPlural(kind))
                        && request.getMethod().equals("GET")) {
                    String of = "\"apiVersion\":\"%s\",\"kind\":\"%sList\""
                            .formatted(HasMetadata.getApiVersion(kind), HasMetadata.getKind(kind));
                    answer.setBody(new String(answer.getBody().getBytes(), StandardCharsets.UTF_8)
                            .replaceFirst("\"apiVersion\":\"v1\",\"kind\":\"List\"", of));
                }
            }
            return answer;
        }

        /// The mock knows no strategic merge patch, with which Helm changes objects of Kubernetes' own kinds.
        private RecordedRequest patched(RecordedRequest request) throws IOException {
            MockResponse present = kept.dispatch(new RecordedRequest(
                    request.getHttpVersion(), HttpMethod.GET, path(request), request.getHeaders(), new Buffer()));
            ObjectNode object = (ObjectNode) JSON.readTree(present.getBody().getBytes());
            StrategicMerge.apply(object, (ObjectNode) JSON.readTree(request.getUtf8Body()));
            return with(request, HttpMethod.PUT, object.toString());
        }

        private static String path(RecordedRequest request) {
            return request.getPath().replaceFirst("\\?.*", "");
        }

        private static RecordedRequest with(RecordedRequest request, String body) {
            return with(request, request.method(), body);
        }

        private static RecordedRequest with(RecordedRequest request, HttpMethod method, String body) {
            return new RecordedRequest(
                    request.getHttpVersion(),
                    method,
                    request.getPath(),
                    request.getHeaders(),
                    new Buffer().writeUtf8(body));
        }

        private static String json(RecordedRequest request) throws InvalidProtocolBufferException {
            byte[] body = request.getBody().getBytes();
            if (request.getMethod().equals("DELETE")) {
                return "";
            }
            Unknown any = Unknown.parseFrom(Arrays.copyOfRange(body, MAGIC, body.length));
            String kind = any.getTypeMeta().getKind();
            return Serialization.asJson(
                    switch (kind) {
                        case "Secret" -> secret(any);
                        case "Namespace" ->
                            new NamespaceBuilder()
                                    .withNewMetadata()
                                    .withName(V1.Namespace.parseFrom(any.getRaw())
                                            .getMetadata()
                                            .getName())
                                    .endMetadata()
                                    .build();
                        default -> throw new IllegalArgumentException("no translation of a " + kind);
                    });
        }

        private static Secret secret(Unknown any) throws InvalidProtocolBufferException {
            V1.Secret its = V1.Secret.parseFrom(any.getRaw());
            ObjectMeta meta = its.getMetadata();
            return new SecretBuilder()
                    .withNewMetadata()
                    .withName(meta.getName())
                    .withNamespace(meta.getNamespace())
                    .withLabels(meta.getLabelsMap())
                    .endMetadata()
                    .withType(its.getType())
                    .withData(its.getDataMap().entrySet().stream()
                            .collect(Collectors.toMap(
                                    Map.Entry::getKey,
                                    entry -> Base64.getEncoder()
                                            .encodeToString(entry.getValue().toByteArray()))))
                    .build();
        }
    }
}
