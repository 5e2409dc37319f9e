package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.sotto.sandbox.demo.Artefacts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/// Every command in the documents is one that the packaged programs understand; those that `docs/testing.md` lists are
/// run. A line of a block is parsed as a whole by the program's own command line; of what a sentence or a table
/// mentions,
/// the command and its options must exist.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DocumentedCommandsIT {
    private static final Path ROOT = Artefacts.ofThisBuild().root();
    private static final Path BENCH = ROOT.resolve("bench/src/main/java/dev/sotto/bench");
    private static final Pattern BLOCK = Pattern.compile("^ *(?:… |do )?((?:\\./)?sotto|helm|docker) ");
    private static final Pattern MENTION = Pattern.compile("`(?:\\./)?sotto ([^`]+)`");
    private static final Pattern OPTION = Pattern.compile("`(--[a-z][a-z-]+)[^`]*`");
    /// Of commands that are not ours.
    private static final Set<String> FOREIGN = Set.of("--set-file", "--set", "--target", "--build-arg");

    private static final Pattern SPECIAL = Pattern.compile(".*(…|\\[|]|\\|).*");
    private static final int PATIENCE_MINUTES = 3;

    private final CommandLine participant =
            commandLine(loader("participant/target", "participant/target/lib"), "dev.sotto.participant.cli.Sotto");
    private final CommandLine coordinator = commandLine(
            loader(
                    "coordinator/target/quarkus-app/app",
                    "coordinator/target/quarkus-app/lib/main",
                    "coordinator/target/quarkus-app/lib/boot"),
            "dev.sotto.coordinator.Coordinator");

    /// What the launcher does itself; everything else it hands on.
    private final Set<String> launched = launched();

    /// A command as a document has it.
    ///
    /// @param whole a line of a block; else a mention
    private record Command(String place, String text, boolean whole) {}

    // ---- the programs ----

    /// The classes of all jars in these folders, apart from this test's, but for picocli's: so that a program's command
    /// line is one for us.
    private static ClassLoader loader(String... folders) {
        List<URL> urls = new ArrayList<>();
        for (String folder : folders) {
            try (Stream<Path> files = Files.list(ROOT.resolve(folder))) {
                for (Path file : files.filter(one -> one.toString().endsWith(".jar"))
                        .filter(one -> !one.getFileName().toString().contains("picocli"))
                        .toList()) {
                    urls.add(file.toUri().toURL());
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        ClassLoader shared = new ClassLoader(ClassLoader.getPlatformClassLoader()) {
            @Override
            protected Class<?> findClass(String name) throws ClassNotFoundException {
                if (name.startsWith("picocli.")) {
                    return Class.forName(name);
                }
                throw new ClassNotFoundException(name);
            }
        };
        return new URLClassLoader(urls.toArray(new URL[0]), shared);
    }

    private static CommandLine commandLine(ClassLoader loader, String type) {
        try {
            var made = loader.loadClass(type).getDeclaredMethod("commandLine");
            made.setAccessible(true);
            return (CommandLine) made.invoke(null);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /// The command line that understands these words; without those that only lead to it.
    private Optional<CommandLine> program(List<String> words) {
        return switch (words.getFirst()) {
            case "demo" -> Optional.of(Sandbox.commandLine());
            case "coordinator" -> {
                words.removeFirst();
                yield Optional.of(coordinator);
            }
            case "admin" -> {
                if (words.size() > 1 && words.get(1).equals("init")) {
                    words.removeFirst();
                    yield Optional.of(coordinator);
                }
                yield Optional.of(participant);
            }
            default -> launched.contains(words.getFirst()) ? Optional.empty() : Optional.of(participant);
        };
    }

    private static Set<String> launched() {
        Set<String> own = new TreeSet<>(Set.of("help"));
        try {
            Matcher word = Pattern.compile("(?m)^  ([a-z-]+)\\)").matcher(Files.readString(ROOT.resolve("sotto")));
            while (word.find()) {
                own.add(word.group(1));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return own;
    }

    // ---- the documents ----

    private static List<Path> documents() throws IOException {
        try (Stream<Path> all = Files.walk(ROOT)) {
            return all.filter(file -> file.toString().endsWith(".md"))
                    .filter(file -> !file.toString().contains("/target/"))
                    .sorted()
                    .toList();
        }
    }

    private static List<Command> commands() throws IOException {
        List<Command> commands = new ArrayList<>();
        for (Path document : documents()) {
            List<String> lines = Files.readAllLines(document);
            String fence = "";
            for (int i = 0; i < lines.size(); i++) {
                String line = lines.get(i);
                String place = ROOT.relativize(document) + ":" + (i + 1);
                if (line.strip().startsWith("```")) {
                    fence = fence.isEmpty() ? line.strip() : "";
                } else if (fence.equals("```sh") || fence.isEmpty() && line.startsWith("    ") && isCommand(line)) {
                    while (line.endsWith("\\")) {
                        line = line.substring(0, line.length() - 1)
                                + lines.get(++i).strip();
                    }
                    commands.add(new Command(place, line.strip(), true));
                } else if (fence.isEmpty()) {
                    Matcher mention = MENTION.matcher(line);
                    while (mention.find()) {
                        commands.add(
                                new Command(place, "sotto " + mention.group(1).replace("\\|", "|"), false));
                    }
                }
            }
        }
        return commands;
    }

    private static boolean isCommand(String line) {
        return BLOCK.matcher(line).find() || line.contains("; do ./sotto ");
    }

    // ---- the tests ----

    @Test
    void everyCommand_isUnderstoodByItsProgram() throws Exception {
        assertThat(ShellWords.of("a 'b c' && until d \"$(e)\" 2> f | g; do h # i"))
                .containsExactly(List.of("a", "b c"), List.of("d", "$(e)"), List.of("g"), List.of("h"));
        Set<String> wrong = new LinkedHashSet<>();
        int parsed = 0;
        for (Command command : commands()) {
            for (List<String> words : ShellWords.of(command.text())) {
                if (!words.getFirst().matches("(\\./)?sotto")
                        || words.size() < 2
                        || words.get(1).equals("…")) {
                    continue;
                }
                parsed++;
                List<String> rest = new ArrayList<>(words.subList(1, words.size()));
                boolean whole = command.whole()
                        && rest.stream().noneMatch(word -> SPECIAL.matcher(word).matches());
                Optional<CommandLine> program = program(rest);
                Optional<String> mistake = program.isEmpty()
                        ? own(rest)
                        : whole
                                ? parse(program.get(), rest)
                                : mentioned(program.get().getCommandSpec(), rest);
                mistake.ifPresent(text -> wrong.add(command.place() + ": " + command.text() + "\n    " + text));
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(parsed).isGreaterThan(100);
    }

    private static Optional<String> parse(CommandLine program, List<String> words) {
        try {
            var _ = program.parseArgs(words.toArray(new String[0]));
            return Optional.empty();
        } catch (ParameterException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /// Whether there are such a command and its options. `a|b` names two commands.
    private static Optional<String> mentioned(CommandSpec program, List<String> words) {
        CommandSpec command = program;
        for (String word : words) {
            String plain = word.replaceAll("[\\[\\]]", "");
            if (plain.startsWith("-")) {
                String option = plain.replaceAll("[=…].*", "");
                if (!option.equals("--help") && command.findOption(option) == null) {
                    return Optional.of(command.qualifiedName() + " has no " + option);
                }
            } else if (!command.subcommands().isEmpty()) {
                for (String name : plain.split("\\|")) {
                    CommandLine sub = command.subcommands().get(name);
                    if (sub == null) {
                        if (name.matches("[a-z-]+")
                                && command.positionalParameters().isEmpty()) {
                            return Optional.of(command.qualifiedName() + " has no " + name);
                        }
                    } else if (!plain.contains("|")) {
                        command = sub.getCommandSpec();
                    }
                }
            }
        }
        return Optional.empty();
    }

    /// The launcher's own commands.
    private static Optional<String> own(List<String> words) throws IOException {
        List<String> rest = words.subList(1, words.size());
        for (int i = 0; i < rest.size(); i++) {
            String word = rest.get(i);
            boolean known = switch (words.getFirst()) {
                case "fuzz" ->
                    !word.contains("/")
                            || Files.isDirectory(fuzzTarget(word))
                            || word.startsWith("target/")
                            || word.startsWith("MODULE");
                case "mutate" -> Files.isDirectory(ROOT.resolve("crypto/src/main/java/dev/sotto/crypto/" + word));
                case "bench" -> isOfBench(i, word);
                case "mvn" -> isOfMaven(i > 0 ? rest.get(i - 1) : "", word);
                default -> true;
            };
            if (!known) {
                return Optional.of(words.getFirst() + ": there is no " + word);
            }
        }
        return Optional.empty();
    }

    private static Path fuzzTarget(String word) {
        String[] parts = word.split("/", 2);
        return ROOT.resolve(parts[0] + "/src/test/fuzz/" + parts[1]);
    }

    private static boolean isOfBench(int place, String word) throws IOException {
        return place > 0 && !word.startsWith("--") || benchWords().contains(word);
    }

    /// What the benchmarks' programs switch by, and their classes' names.
    private static Set<String> benchWords() throws IOException {
        Set<String> words = new TreeSet<>();
        try (Stream<Path> sources = Files.walk(BENCH)) {
            for (Path source : sources.filter(Files::isRegularFile).toList()) {
                words.add(source.getFileName().toString().replace(".java", ""));
                Matcher bench =
                        Pattern.compile("(?:case|names? =) \"([a-z-]+)\"").matcher(Files.readString(source));
                while (bench.find()) {
                    words.add(bench.group(1));
                }
            }
        }
        return words;
    }

    private static boolean isOfMaven(String before, String word) throws IOException {
        if (before.equals("-pl")) {
            return word.equals("MODULE") || Files.exists(ROOT.resolve(word + "/pom.xml"));
        }
        if (word.matches("-D(test|it\\.test)=.*")) {
            for (String test : word.substring(word.indexOf('=') + 1).split(",")) {
                String name = test.replaceAll("[#*].*", "").replaceAll(".*\\.", "");
                if (!name.isEmpty()
                        && !name.equalsIgnoreCase("none")
                        && !name.matches("[A-Z]+|Test")
                        && !isTest(name)) {
                    return false;
                }
            }
        }
        return true;
    }

    private static boolean isTest(String name) throws IOException {
        try (Stream<Path> files = Files.walk(ROOT)) {
            return files.anyMatch(file -> file.endsWith(name + ".java"));
        }
    }

    @Test
    void everyOption_thatASentenceNamesAlone_isOfSomeCommand() throws Exception {
        Set<String> options = new TreeSet<>(FOREIGN);
        collect(options, participant.getCommandSpec());
        collect(options, coordinator.getCommandSpec());
        collect(options, Sandbox.commandLine().getCommandSpec());
        options.addAll(benchWords());
        Set<String> wrong = new LinkedHashSet<>();
        for (Path document : documents()) {
            Matcher option = OPTION.matcher(Files.readString(document));
            while (option.find()) {
                if (!options.contains(option.group(1))) {
                    wrong.add(ROOT.relativize(document) + ": " + option.group());
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    private static void collect(Set<String> options, CommandSpec command) {
        command.options().forEach(option -> options.addAll(List.of(option.names())));
        command.subcommands().values().forEach(sub -> collect(options, sub.getCommandSpec()));
    }

    @Test
    void chartsImagesAndFiles_thatCommandsName_exist() throws Exception {
        Set<String> folders = new TreeSet<>();
        try (Stream<Path> top = Files.list(ROOT)) {
            top.filter(Files::isDirectory)
                    .map(Path::getFileName)
                    .map(Path::toString)
                    .forEach(folders::add);
        }
        folders.removeAll(Set.of("target", "data"));
        Set<String> wrong = new LinkedHashSet<>();
        int files = 0;
        for (Command command : commands()) {
            for (List<String> words : command.whole() ? ShellWords.of(command.text()) : List.<List<String>>of()) {
                for (int i = 1; i < words.size(); i++) {
                    String word = words.get(i);
                    String before = words.get(i - 1);
                    boolean named = word.contains("/") && folders.contains(word.substring(0, word.indexOf('/')));
                    if (named
                            && !word.contains("$")
                            && !word.contains("*")
                            && !before.startsWith("--output")
                            && !words.get(1).equals("fuzz")
                            && !word.contains("/target/")) {
                        files++;
                        if (!Files.exists(ROOT.resolve(word))) {
                            wrong.add(command.place() + ": there is no " + word);
                        }
                    }
                }
                if (words.getFirst().equals("helm")) {
                    wrong.addAll(values(command, words));
                }
                if (words.getFirst().equals("docker")) {
                    wrong.addAll(image(command, words));
                }
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(files).isGreaterThan(10);
    }

    /// Keys that `--set` and `--set-file` name must be values of the chart.
    private static List<String> values(Command command, List<String> words) throws IOException {
        List<String> wrong = new ArrayList<>();
        Optional<String> chart =
                words.stream().filter(word -> word.startsWith("helm/")).findFirst();
        for (int i = 1; i < words.size() && chart.isPresent(); i++) {
            if (words.get(i - 1).equals("--set") || words.get(i - 1).equals("--set-file")) {
                var node = new YAMLMapper()
                        .readTree(
                                ROOT.resolve(chart.get()).resolve("values.yaml").toFile());
                for (String key : words.get(i).replaceAll("=.*", "").split("\\.")) {
                    node = node.path(key);
                }
                if (node.isMissingNode()) {
                    wrong.add(command.place() + ": " + chart.get() + " has no " + words.get(i));
                }
            }
        }
        return wrong;
    }

    private static List<String> image(Command command, List<String> words) throws IOException {
        List<String> wrong = new ArrayList<>();
        String file = words.contains("-f") ? Files.readString(ROOT.resolve(words.get(words.indexOf("-f") + 1))) : "";
        for (int i = 1; i < words.size(); i++) {
            String word = words.get(i).replaceAll("=.*", "");
            boolean known = switch (words.get(i - 1)) {
                case "--build-arg" -> file.contains("ARG " + word);
                case "--target" -> file.contains(" AS " + word);
                default -> true;
            };
            if (!known) {
                wrong.add(command.place() + ": the Dockerfile has no " + word);
            }
        }
        return wrong;
    }

    /// The lines that `docs/testing.md` lists, in their order, in one folder. Each must stand in another document too.
    @Test
    void commandsThatTheListNames_areRun(@TempDir Path folder) throws Exception {
        String list = Files.readString(ROOT.resolve("docs/testing.md"));
        Matcher block = Pattern.compile("<!-- run -->\n\n((?:    .*\n)+)").matcher(list);
        assertThat(block.find()).isTrue();
        List<String> elsewhere = commands().stream()
                .filter(command -> command.whole() && !command.place().startsWith("docs/testing.md"))
                .map(Command::text)
                .toList();
        String example = "{\"instruction\": \"What is the opposite of cold?\", \"output\": \"hot\"}\n";
        Files.writeString(folder.resolve("own.jsonl"), example.repeat(8));
        Files.writeString(folder.resolve("held-out.jsonl"), example);
        copy("examples", folder);
        copy("models", folder);
        List<String> lines = block.group(1).lines().map(String::strip).toList();
        for (String line : lines) {
            assertThat(elsewhere).as("in another document").anyMatch(text -> text.startsWith(line));
            run(folder, line);
        }
        assertThat(lines).hasSizeGreaterThan(8);
        assertThat(folder.resolve("merged/model.safetensors")).exists();
        assertThat(folder.resolve("north/federation.yaml")).exists();
    }

    private static void copy(String name, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(ROOT.resolve(name))) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(ROOT.relativize(file).toString()));
            }
        }
    }

    private static void run(Path folder, String line) throws IOException, InterruptedException {
        Path java = Path.of(System.getProperty("java.home"));
        Path output = folder.resolve("output");
        ProcessBuilder shell = new ProcessBuilder(
                        "bash",
                        "-c",
                        line.replace("./sotto", ROOT.resolve("sotto").toString())
                                .replace("CHECKPOINT", "models/sotto-demo-base"))
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        shell.environment().put("JAVA_HOME", java.toString());
        shell.environment().put("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1");
        Process process = shell.start();
        boolean ended = process.waitFor(PATIENCE_MINUTES, TimeUnit.MINUTES);
        process.destroy();
        assertThat(ended).as(line).isTrue();
        assertThat(process.exitValue())
                .as("%s%n%s", line, Files.readString(output))
                .isZero();
    }
}
