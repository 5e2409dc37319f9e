package dev.sotto.sandbox;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/// The arrows between modules, and who may see which library.
class ArchitectureTest {
    /// From the bottom up: a module sees only those before it, as far as [#SEEN] allows.
    private static final List<String> MODULES = List.of(
            "schemas",
            "crypto",
            "secrets",
            "algorithms",
            "training",
            "telemetry",
            "participant",
            "coordinator",
            "sandbox");

    private static final List<List<String>> SEEN = List.of(
            List.of(),
            List.of("schemas"),
            List.of("schemas", "crypto"),
            List.of(),
            List.of("algorithms"),
            List.of(),
            List.of("schemas", "crypto", "secrets", "algorithms", "training", "telemetry"),
            List.of("schemas", "crypto", "secrets", "algorithms", "telemetry"),
            List.of());

    private final JavaClasses classes = new ClassFileImporter()
            .importPaths(MODULES.stream()
                    .map(module -> Path.of("..", module, "target", "classes"))
                    .toList());

    @Test
    void classes_ofEveryModule_wereFound() {
        for (String module : MODULES) {
            assertThat(classes.stream().filter(c -> c.getPackageName().startsWith("dev.sotto." + module)))
                    .as(module)
                    .hasSizeGreaterThan(1);
        }
    }

    @Test
    void modules_seeOnlyWhatTheyMay() {
        for (int i = 0; i < MODULES.size(); i++) {
            List<String> seen = SEEN.get(i);
            String self = MODULES.get(i);
            String[] forbidden = MODULES.stream()
                    .filter(other -> !other.equals(self) && !seen.contains(other))
                    .map(other -> "dev.sotto." + other + "..")
                    .toArray(String[]::new);
            if (forbidden.length > 0) {
                noClasses()
                        .that()
                        .resideInAPackage("dev.sotto." + self + "..")
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage(forbidden)
                        .check(classes);
            }
        }
    }

    @Test
    void libraries_areSeenByOnePackageEach() {
        only(
                "org.bouncycastle..",
                "dev.sotto.crypto.bc..",
                "dev.sotto.coordinator.ca..",
                "dev.sotto.participant.enrolment..");
        only("ai.djl..", "dev.sotto.training.djl..");
        only("com.google.protobuf..", "dev.sotto.schemas..");
        only("picocli..", "dev.sotto.participant.cli..", "dev.sotto.coordinator", "dev.sotto.sandbox");
        only("io.opentelemetry..", "dev.sotto.telemetry..");
        only("jakarta.ws.rs..", "dev.sotto.coordinator.rest..");
        only("kafka..", "dev.sotto.sandbox.broker..");
    }

    private void only(String library, String... seeing) {
        noClasses()
                .that()
                .resideOutsideOfPackages(seeing)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(library)
                .check(classes);
    }

    @Test
    void crypto_hasNoClockNoDiskAndNoOtherRandomness() {
        noClasses()
                .that()
                .resideInAPackage("dev.sotto.crypto..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("java.nio.file..", "java.net..", "java.util.concurrent..")
                .orShould()
                .dependOnClassesThat()
                .haveFullyQualifiedName("java.util.Random")
                .orShould()
                .callMethod(java.time.Instant.class, "now")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .orShould()
                .callMethod(System.class, "nanoTime")
                .check(classes);
    }

    @Test
    void packages_haveNoCycles() {
        for (String module : MODULES) {
            slices().matching("dev.sotto." + module + ".(*)..")
                    .should()
                    .beFreeOfCycles()
                    .allowEmptyShould(true)
                    .check(classes);
        }
    }
}
