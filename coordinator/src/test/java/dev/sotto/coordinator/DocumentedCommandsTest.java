package dev.sotto.coordinator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sotto.coordinator.settings.Folder;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Each line of `openssl` and of `curl` in the documents is run, on the files that `sotto admin init` makes and
/// against a coordinator with them; what comes out is what the document says.
@QuarkusTest
@QuarkusTestResource(Https.class)
@Timeout(60)
class DocumentedCommandsTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern OPENSSL = Pattern.compile("(?m)^ +(openssl [^#\n]*)");
    private static final Pattern CURL = Pattern.compile("`(curl [^`]+)`");
    private static final String PASSWORD = "of the file";

    @Inject
    Service service;

    @TempDir
    Path here = Path.of("");

    private static List<String> lines(Pattern of) throws IOException {
        List<String> lines = new ArrayList<>();
        try (Stream<Path> all = Files.walk(ROOT)) {
            for (Path document : all.filter(file -> file.toString().endsWith(".md"))
                    .filter(file -> !file.toString().contains("/target/"))
                    .sorted()
                    .toList()) {
                lines.addAll(of.matcher(Files.readString(document))
                        .results()
                        .map(found -> found.group(1).strip())
                        .toList());
            }
        }
        return lines;
    }

    private static void need(String program) {
        boolean there = Stream.of(System.getenv("PATH").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
        if (!there) {
            System.err.println("sotto: the documents' lines of " + program + " are not run: it is not on the PATH");
        }
        assumeTrue(there);
    }

    /// Where a reader's `north` is the federation's folder.
    private String run(String line) throws Exception {
        if (!Files.exists(here.resolve("north"))) {
            Files.createSymbolicLink(here.resolve("north"), service.folder());
        }
        Process shell = new ProcessBuilder("sh", "-c", line)
                .directory(here.toFile())
                .redirectErrorStream(true)
                .start();
        shell.getOutputStream().close();
        String said = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(shell.waitFor()).as(line + "\n" + said).isZero();
        return said;
    }

    @Test
    void openssl_takesKeysAndCertificatesFromTheFoldersFiles() throws Exception {
        need("openssl");
        need("curl");
        TreeSet<String> made = new TreeSet<>();
        for (String line : lines(OPENSSL)) {
            MatchResult from = Pattern.compile("north/(\\w+\\.pem)")
                    .matcher(line)
                    .results()
                    .findFirst()
                    .orElseThrow();
            String out = line.substring(line.lastIndexOf("-out ") + 5);
            String pem = Files.readString(new Folder(service.folder()).path().resolve(from.group(1)));
            run(out.endsWith(".p12") ? line + " -passout 'pass:" + PASSWORD + "'" : line);
            Path file = here.resolve(out);
            switch (out.substring(out.lastIndexOf('.'))) {
                case ".key" ->
                    assertThat(run("openssl pkey -pubout -in " + out))
                            .as(line)
                            .isEqualTo(run("openssl x509 -pubkey -noout -in north/" + from.group(1)));
                case ".crt" -> {
                    // Whoever trusts the root alone wants the issuing CA's certificate, too: of servers and of clients.
                    assertThat(certificates(Files.readString(file)))
                            .as(line)
                            .hasSize(3)
                            .isEqualTo(certificates(pem));
                    if (from.group(1).equals("viewer.pem")) {
                        assertThat(run(
                                        "curl --silent --show-error --fail --cacert north/ca.pem --cert tls.crt --key tls.key "
                                                + service.settings().url() + "/q/metrics"))
                                .as(line)
                                .contains("sotto_rounds");
                    }
                }
                case ".p12" -> {
                    KeyStore store = KeyStore.getInstance(file.toFile(), PASSWORD.toCharArray());
                    String alias = store.aliases().nextElement();
                    assertThat(store.isKeyEntry(alias)).as(line).isTrue();
                    assertThat(store.getCertificate(alias))
                            .as(line)
                            .isEqualTo(certificates(pem).getFirst());
                }
                default -> throw new AssertionError(line + ": nothing here checks that");
            }
            made.add(out);
        }
        assertThat(made).contains("tls.key", "tls.crt", "viewer.p12");
    }

    private static List<Certificate> certificates(String pem) throws Exception {
        return List.copyOf(CertificateFactory.getInstance("X.509")
                .generateCertificates(new ByteArrayInputStream(
                        pem.substring(pem.indexOf("-----BEGIN CERT")).getBytes(StandardCharsets.US_ASCII))));
    }

    @Test
    void curl_isShownTheDashboard() throws Exception {
        need("curl");
        List<String> lines = lines(CURL);
        assertThat(lines).isNotEmpty();
        for (String line : lines) {
            String asked = line.replace("HOST:PORT", service.settings().url().getAuthority());
            assertThat(asked).isNotEqualTo(line);
            if (line.contains("$(cat token)")) {
                // Single sign-on: nobody has issued this one.
                Files.writeString(here.resolve("token"), "nobody's");
                assertThat(run(asked + " --silent --show-error --output /dev/null --write-out '%{http_code}'"))
                        .as(line)
                        .isIn("401", "403");
            } else {
                assertThat(run(asked + " --silent --show-error --fail")).contains("<title>north · Sotto</title>");
            }
        }
    }
}
