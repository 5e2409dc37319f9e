package dev.sotto.helm;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The list of what an image holds, against what its Dockerfile copies into it.
class SbomIT {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    @ParameterizedTest
    @MethodSource("dev.sotto.helm.ChartsTest#charts")
    void sbom_namesEveryLibraryOfTheImage(Chart chart) throws Exception {
        Path target = ROOT.resolve(chart.name()).resolve("target");
        JsonNode sbom =
                new ObjectMapper().readTree(target.resolve("sbom.cdx.json").toFile());
        assertThat(sbom.path("bomFormat").asText()).isEqualTo("CycloneDX");
        assertThat(sbom.at("/metadata/component/name").asText()).isEqualTo("sotto-" + chart.name());
        Set<String> named = new TreeSet<>();
        for (JsonNode component : sbom.path("components")) {
            assertThat(component.path("purl").asText()).startsWith("pkg:maven/");
            assertThat(component.path("hashes"))
                    .as(component.path("purl").asText())
                    .isNotEmpty();
            named.add(component.path("name").asText() + "-"
                    + component.path("version").asText());
        }
        assertThat(named).contains("bcprov-jdk18on-1.87", "kafka-clients-4.2.1", "sotto-crypto-0.1.0-SNAPSHOT");
        List<String> libraries = chart.equals(Chart.COORDINATOR)
                ? List.of("quarkus-app/lib/main", "quarkus-app/lib/boot")
                : List.of("lib");
        for (String folder : libraries) {
            try (Stream<Path> jars = Files.list(target.resolve(folder))) {
                assertThat(jars.map(jar -> String.valueOf(jar.getFileName())).filter(jar -> jar.endsWith(".jar")))
                        .isNotEmpty()
                        .allMatch(jar -> named.stream().anyMatch(name -> isOf(name, jar)));
            }
        }
        assertThat(Files.readString(ROOT.resolve(chart.name() + "/src/main/docker/Dockerfile")))
                .contains("COPY " + chart.name() + "/target/sbom.cdx.json /opt/sotto/");
    }

    /// Quarkus puts the group before the name; a classifier comes after the version.
    private static boolean isOf(String name, String jar) {
        String file = jar.substring(0, jar.length() - ".jar".length());
        return file.equals(name)
                || file.endsWith("." + name)
                || file.startsWith(name + "-")
                || file.contains("." + name + "-");
    }
}
