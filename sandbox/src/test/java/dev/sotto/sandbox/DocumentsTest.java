package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.sandbox.demo.Artefacts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Documents that name tests, files and commands name ones that exist.
class DocumentsTest {
    private static final Pattern TEST = Pattern.compile("`([A-Z][A-Za-z]*(?:Test|IT))(?:\\.(\\w+))?`");
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]*)(?:#([^)]*))?\\)");
    private static final Pattern EXAMPLE =
            Pattern.compile("(<!-- example: (\\S+)#(\\S+) -->\n```java\n)(?:[^`]*\n)?```");
    private static final Pattern HEADING = Pattern.compile("^#+ (.+)$", Pattern.MULTILINE);

    private static List<Path> files(Path root, String end) throws IOException {
        try (Stream<Path> all = Files.walk(root)) {
            return all.filter(file -> file.toString().endsWith(end))
                    .filter(file -> !file.toString().contains("/target/"))
                    .sorted()
                    .toList();
        }
    }

    @Test
    void tests_thatDocumentsName_exist() throws Exception {
        Path root = Artefacts.ofThisBuild().root();
        Map<String, String> sources = new TreeMap<>();
        for (Path file : files(root, ".java")) {
            if (file.toString().contains("/src/test/")) {
                sources.put(file.getFileName().toString().replace(".java", ""), Files.readString(file));
            }
        }
        List<String> missing = new ArrayList<>();
        int named = 0;
        for (Path document : files(root, ".md")) {
            Matcher matcher = TEST.matcher(Files.readString(document));
            while (matcher.find()) {
                named++;
                String source = sources.getOrDefault(matcher.group(1), "");
                String method = matcher.group(2);
                if (source.isEmpty() || method != null && !source.contains(" " + method + "(")) {
                    missing.add(root.relativize(document) + ": " + matcher.group());
                }
            }
        }
        assertThat(missing).isEmpty();
        assertThat(named).isGreaterThan(40);
    }

    @Test
    void filesAndHeadings_thatDocumentsLinkTo_exist() throws Exception {
        Path root = Artefacts.ofThisBuild().root();
        List<String> missing = new ArrayList<>();
        int links = 0;
        for (Path document : files(root, ".md")) {
            Matcher matcher = LINK.matcher(Files.readString(document));
            while (matcher.find()) {
                links++;
                Path file = matcher.group(1).isEmpty() ? document : document.resolveSibling(matcher.group(1));
                String heading = matcher.group(2);
                if (!Files.exists(file) || heading != null && !anchors(file).contains(heading)) {
                    missing.add(root.relativize(document) + ": " + matcher.group());
                }
            }
        }
        assertThat(missing).isEmpty();
        assertThat(links).isGreaterThan(100);
    }

    @Test
    void everyDocument_isInTheMap() throws Exception {
        Path docs = Artefacts.ofThisBuild().root().resolve("docs");
        String map = Files.readString(docs.resolve("README.md"));
        assertThat(files(docs, ".md").stream()
                        .map(docs::relativize)
                        .map(Path::toString)
                        .filter(file -> !file.equals("README.md") && !file.startsWith("adr/"))
                        .filter(file -> !map.contains("](" + file + ")")))
                .isEmpty();
    }

    /// `-Dsotto.documents.write=true` writes them anew.
    @Test
    void examples_areTheTextOfTheirFiles() throws Exception {
        Path root = Artefacts.ofThisBuild().root();
        int examples = 0;
        for (Path document : files(root, ".md")) {
            String text = Files.readString(document);
            Matcher matcher = EXAMPLE.matcher(text);
            StringBuilder whole = new StringBuilder();
            while (matcher.find()) {
                examples++;
                String code = example(root.resolve(matcher.group(2)), matcher.group(3));
                matcher.appendReplacement(whole, Matcher.quoteReplacement(matcher.group(1) + code + "```"));
            }
            matcher.appendTail(whole);
            if (Boolean.getBoolean("sotto.documents.write")) {
                Files.writeString(document, whole);
            } else {
                assertThat(text).as(document.toString()).isEqualTo(whole.toString());
            }
        }
        assertThat(examples).isGreaterThan(6);
    }

    /// From `// example: name` to `// end`, as far to the left as it goes.
    private static String example(Path source, String name) throws IOException {
        String text = Files.readString(source);
        Matcher matcher = Pattern.compile("\\n( *)// example: " + name + "\\n(.*?)\\n *// end\\n", Pattern.DOTALL)
                .matcher(text);
        assertThat(matcher.find()).as("%s#%s", source, name).isTrue();
        String indent = matcher.group(1);
        return matcher.group(2)
                .lines()
                .map(line -> line.startsWith(indent) ? line.substring(indent.length()) : line)
                .collect(Collectors.joining("\n", "", "\n"));
    }

    /// The headings of a document as links name them.
    private static Set<String> anchors(Path document) throws IOException {
        Set<String> anchors = new HashSet<>();
        Matcher matcher = HEADING.matcher(Files.readString(document));
        while (matcher.find()) {
            anchors.add(matcher.group(1)
                    .toLowerCase(Locale.ROOT)
                    .replaceAll("[^\\p{L}\\p{N}\\- ]", "")
                    .replace(' ', '-'));
        }
        return anchors;
    }
}
