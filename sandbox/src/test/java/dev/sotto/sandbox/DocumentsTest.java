package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.sandbox.demo.Artefacts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Documents that name tests, files and commands name ones that exist.
class DocumentsTest {
    private static final Pattern TEST = Pattern.compile("`([A-Z][A-Za-z]*(?:Test|IT))(?:\\.(\\w+))?`");
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)(?:#[^)]*)?\\)");

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
    void files_thatDocumentsLinkTo_exist() throws Exception {
        Path root = Artefacts.ofThisBuild().root();
        List<String> missing = new ArrayList<>();
        int links = 0;
        for (Path document : files(root, ".md")) {
            Matcher matcher = LINK.matcher(Files.readString(document));
            while (matcher.find()) {
                links++;
                if (!Files.exists(document.resolveSibling(matcher.group(1)))) {
                    missing.add(root.relativize(document) + ": " + matcher.group(1));
                }
            }
        }
        assertThat(missing).isEmpty();
        assertThat(links).isGreaterThan(10);
    }
}
