package dev.sotto.helm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import com.marcnuri.helm.Helm;
import com.marcnuri.helm.InstallCommand;
import com.marcnuri.helm.Release;
import com.marcnuri.helm.TemplateCommand;
import dev.sotto.participant.cli.Sotto;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Each line of `helm` and of `kubectl` in the documents. Helm's are run, with the values that they name, at an
/// [ApiServer]; what a `kubectl` names must be in what is rendered.
class DocumentedCommandsTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern LINE = Pattern.compile("^ +((?:helm|kubectl) .*)$");
    private static final Pattern MENTION = Pattern.compile("`((?:helm|kubectl) [^`]+)`");
    private static final Pattern SETTINGS = Pattern.compile("`((?:--set [^` ]+ ?)+)`");

    /// The files that a reader has made by then, and what stands for them here.
    private static final Map<String, Path> MADE = Map.of(
            "north.yaml", Chart.example("three-organisations/coordinator.yaml"),
            "acme.yaml", Chart.example("three-organisations/acme.yaml"),
            "north/federation.yaml", Chart.resource("federation.yaml"),
            "north/adapter-layout.json", Chart.resource("adapter-layout.json"));

    @TempDir
    private Path folder = Path.of("");

    private record Command(String place, List<String> words) {
        /// What follows an option, of all that are like it.
        List<String> after(String option) {
            List<String> values = new ArrayList<>();
            for (int i = 0; i + 1 < words.size(); i++) {
                if (words.get(i).equals(option)) {
                    values.add(words.get(i + 1));
                }
            }
            return values;
        }

        @Override
        public String toString() {
            return place + ": " + String.join(" ", words);
        }
    }

    private static List<Command> commands() throws Exception {
        List<Command> commands = new ArrayList<>();
        try (Stream<Path> all = Files.walk(ROOT)) {
            for (Path document : all.filter(file -> file.toString().endsWith(".md"))
                    .filter(file -> !file.toString().contains("/target/"))
                    .sorted()
                    .toList()) {
                List<String> lines = Files.readAllLines(document);
                for (int i = 0; i < lines.size(); i++) {
                    String place = ROOT.relativize(document) + ":" + (i + 1);
                    Matcher whole = LINE.matcher(lines.get(i));
                    if (whole.matches()) {
                        StringBuilder line = new StringBuilder(whole.group(1));
                        while (line.toString().endsWith("\\")) {
                            line.setLength(line.length() - 1);
                            line.append(lines.get(++i).strip());
                        }
                        commands.add(new Command(place, words(line.toString())));
                    } else {
                        for (Matcher mention = MENTION.matcher(lines.get(i)); mention.find(); ) {
                            commands.add(new Command(place, words(mention.group(1))));
                        }
                    }
                }
            }
        }
        return commands;
    }

    /// As the shell makes them of the line.
    private static List<String> words(String line) throws Exception {
        Process shell = new ProcessBuilder("sh", "-c", "printf '%s\\n' " + line)
                .redirectErrorStream(true)
                .start();
        List<String> words = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                .lines()
                .toList();
        assertThat(shell.waitFor()).as(line).isZero();
        return words;
    }

    // ---- helm ----

    private static Chart chart(String release) {
        return release.equals(Chart.COORDINATOR.release()) ? Chart.COORDINATOR : Chart.PARTICIPANT;
    }

    /// A release that a line has made.
    private record Installed(String name, String namespace) {}

    private static Installed install(Command command, ApiServer server) {
        List<String> words = command.words();
        Chart chart = chart(words.get(2));
        assertThat(ROOT.resolve(words.get(3)).normalize())
                .as(command.toString())
                .isEqualTo(chart.folder());
        InstallCommand install =
                new Helm(chart.folder()).install().withName(words.get(2)).withKubeConfigContents(server.kubeconfig());
        command.after("-n").forEach(install::withNamespace);
        for (String file : command.after("-f")) {
            assertThat(MADE).as(command.toString()).containsKey(file);
            install.withValuesFile(MADE.get(file));
        }
        for (String pair : command.after("--set-file")) {
            String[] parts = pair.split("=", 2);
            assertThat(MADE).as(command.toString()).containsKey(parts[1]);
            install.setFile(parts[0], MADE.get(parts[1]));
        }
        Release release = install.call();
        assertThat(release.getStatus()).as(command.toString()).isEqualTo("deployed");
        return new Installed(release.getName(), release.getNamespace());
    }

    @Test
    void releases_thatHelmsLinesName_areInstalledTestedAndUninstalled() throws Exception {
        List<Command> lines = commands().stream()
                .filter(command -> command.words().getFirst().equals("helm"))
                // A word of it alone says nothing that could be wrong.
                .filter(command -> command.words().size() > 2)
                .filter(command -> !command.words().get(1).equals("install")
                        || !command.after("-f").isEmpty())
                .toList();
        assertThat(lines).extracting(command -> command.words().get(1)).containsOnly("install", "test", "uninstall");
        try (ApiServer server = new ApiServer(Chart.KUBERNETES)) {
            Map<String, Installed> installed = new TreeMap<>();
            for (Command command : lines) {
                if (command.words().get(1).equals("install")) {
                    Installed release = install(command, server);
                    installed.put(release.name(), release);
                }
            }
            assertThat(installed).hasSize(2);
            for (Command command : lines) {
                if (command.words().get(1).equals("test")) {
                    Installed release = named(installed, command);
                    var _ = Helm.test(release.name())
                            .withNamespace(release.namespace())
                            .withKubeConfigContents(server.kubeconfig())
                            .call();
                }
            }
            for (Command command : lines) {
                if (command.words().get(1).equals("uninstall")) {
                    Installed release = named(installed, command);
                    assertThat(Helm.uninstall(release.name())
                                    .withNamespace(release.namespace())
                                    .withKubeConfigContents(server.kubeconfig())
                                    .call())
                            .contains("release \"" + release.name() + "\" uninstalled");
                }
            }
        }
    }

    private static Installed named(Map<String, Installed> installed, Command command) {
        assertThat(command.words()).as(command.toString()).hasSize(3);
        return Objects.requireNonNull(installed.get(command.words().get(2)), command.toString());
    }

    @Test
    void settings_thatASentenceNames_areOnesThatTheCoordinatorsChartTakes() throws Exception {
        List<String> rendered = withSettings();
        assertThat(rendered).isNotEmpty();
        for (String text : rendered) {
            assertThat(Chart.parse(text)).isNotEmpty();
        }
    }

    /// What the coordinator's chart makes with each of the settings that a sentence names.
    private List<String> withSettings() throws IOException {
        List<String> rendered = new ArrayList<>();
        for (Matcher named = SETTINGS.matcher(Files.readString(ROOT.resolve("helm/README.md"))); named.find(); ) {
            TemplateCommand template = Chart.COORDINATOR
                    .template()
                    .withValuesFile(Chart.COORDINATOR.least())
                    .setFile("settings.federation", federation(named.group(1)))
                    .setFile("settings.layout", Chart.resource("adapter-layout.json"));
            for (String pair : named.group(1).replace("--set ", "").strip().split(" ")) {
                String[] parts = pair.split("=", 2);
                template.set(parts[0], parts[1]);
            }
            rendered.add(template.call());
        }
        return rendered;
    }

    /// With what the settings are about, where they are about something that the federation's file must name, too.
    private Path federation(String settings) throws IOException {
        return settings.contains("oidc.")
                ? Files.writeString(
                        folder.resolve("federation.yaml"),
                        Files.readString(Chart.resource("federation.yaml"))
                                + "\noidc:\n  clientSecretFile: oidc-secret\n")
                : Chart.resource("federation.yaml");
    }

    // ---- kubectl ----

    /// What the charts make with the documents' names, each with everything that a line may speak of.
    private List<String> rendered() throws IOException {
        List<String> rendered = withSettings();
        rendered.add(Chart.COORDINATOR.text(Chart.example("strimzi/coordinator.yaml"), Map.of()));
        rendered.add(Chart.PARTICIPANT.text(Chart.example("three-organisations/acme.yaml"), Map.of()));
        return rendered;
    }

    @Test
    void secretsPodsAndContainers_thatKubectlNames_areThoseOfTheCharts() throws Exception {
        Set<String> namespaces = new TreeSet<>();
        Set<String> checked = new TreeSet<>();
        List<Command> commands = commands();
        commands.stream()
                .filter(command -> command.words().getFirst().equals("helm"))
                .forEach(command -> namespaces.addAll(command.after("-n")));
        for (Command command : commands) {
            List<String> words = new ArrayList<>(command.words());
            if (!words.removeFirst().equals("kubectl")) {
                continue;
            }
            if (words.getFirst().equals("-n")) {
                assertThat(namespaces).as(command.toString()).contains(words.get(1));
                words.subList(0, 2).clear();
            }
            checked.add(words.getFirst());
            switch (words.getFirst()) {
                case "create" -> {
                    if (words.get(1).equals("namespace")) {
                        assertThat(namespaces).as(command.toString()).contains(words.get(2));
                    } else {
                        assertThat(words.subList(1, 3)).as(command.toString()).containsExactly("secret", "generic");
                        isUsed(command, words.get(3), keys(words));
                    }
                }
                case "exec" -> exec(command, words);
                case "get" -> assertThat(words).as(command.toString()).containsExactly("get", "pod");
                default -> throw new AssertionError(command + ": nothing here checks that");
            }
        }
        assertThat(checked).contains("create", "exec");
    }

    /// By `kubectl` itself, where it is installed; the files that a line names hold anything.
    @Test
    void namespacesAndSecrets_thatKubectlMakes_areMade() throws Exception {
        try (ApiServer server = new ApiServer(Chart.KUBERNETES)) {
            Path config = Files.writeString(folder.resolve("kubeconfig"), server.kubeconfig());
            int made = 0;
            for (Command command : commands()) {
                List<String> words = command.words();
                if (!words.getFirst().equals("kubectl") || !words.contains("create")) {
                    continue;
                }
                for (String file : files(words)) {
                    Files.createDirectories(folder.resolve(file).getParent());
                    Files.writeString(folder.resolve(file), "anything");
                }
                List<String> run = new ArrayList<>(words);
                run.add(1, "--kubeconfig=" + config);
                var _ = Tool.run(folder, run);
                String namespace = words.contains("-n") ? words.get(words.indexOf("-n") + 1) : words.getLast();
                int secret = words.indexOf("generic");
                if (secret > 0) {
                    assertThat(server.client()
                                    .secrets()
                                    .inNamespace(namespace)
                                    .withName(words.get(secret + 1))
                                    .get()
                                    .getData())
                            .as(command.toString())
                            .containsOnlyKeys(keys(words));
                } else {
                    assertThat(server.client().namespaces().withName(namespace).get())
                            .as(command.toString())
                            .isNotNull();
                }
                made++;
            }
            assertThat(made).isGreaterThan(3);
        }
    }

    private static List<String> files(List<String> words) {
        return words.stream()
                .filter(word -> word.startsWith("--from-file="))
                .map(word -> word.substring(word.lastIndexOf('=') + 1))
                .toList();
    }

    private static List<String> keys(List<String> words) {
        return words.stream()
                .filter(word -> word.startsWith("--from-"))
                .map(word -> word.startsWith("--from-literal=")
                        ? word.split("=", 3)[1]
                        : word.substring(word.lastIndexOf(word.contains("/") ? '/' : '=') + 1))
                .toList();
    }

    /// By one of what the charts make: the Secret, and each of its keys.
    private void isUsed(Command command, String secret, List<String> keys) throws IOException {
        assertThat(keys).as(command.toString()).isNotEmpty();
        Pattern name = Pattern.compile("(?m)(?:secretName|name): \"?" + Pattern.quote(secret) + "\"?$");
        assertThat(rendered())
                .as(command.toString())
                .anySatisfy(text -> assertThat(text).containsPattern(name).contains(keys));
    }

    private static void exec(Command command, List<String> words) throws IOException {
        List<HasMetadata> objects = Chart.PARTICIPANT.objects(Chart.example("three-organisations/acme.yaml"), Map.of());
        StatefulSet set = Chart.only(objects, StatefulSet.class);
        PodSpec pod = set.getSpec().getTemplate().getSpec();
        assertThat(words.get(1))
                .as(command.toString())
                .isEqualTo(set.getMetadata().getName() + "-0");
        assertThat(pod.getContainers())
                .as(command.toString())
                .extracting(Container::getName)
                .containsAll(command.after("-c"));
        int program = words.indexOf("--");
        assertThat(words.subList(program + 1, program + 3))
                .as(command.toString())
                .containsExactly("java", "@/opt/sotto/sotto");
        assertThatCode(() -> Sotto.commandLine()
                        .parseArgs(words.subList(program + 3, words.size()).toArray(new String[0])))
                .as(command.toString())
                .doesNotThrowAnyException();
    }
}
