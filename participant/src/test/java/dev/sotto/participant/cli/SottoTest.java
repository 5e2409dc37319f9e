package dev.sotto.participant.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.participant.agent.FileJournal;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Lift;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Policy;
import dev.sotto.schemas.Bytes;
import java.io.FilterWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/// The commands as a person meets them, on the small random reference model.
class SottoTest {
    private static final Path BASE = Path.of("../training/src/test/resources/llama/base");

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    /// What a process dies of as soon as it says it on standard error.
    private String dying = "never";

    @TempDir
    private Path folder = Path.of("");

    private int sotto(Object... arguments) {
        CommandLine line = Sotto.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(
                new FilterWriter(err) {
                    @Override
                    public void write(String text, int from, int length) throws IOException {
                        if (text.contains(dying)) {
                            throw new IllegalStateException("the process dies here");
                        }
                        super.write(text, from, length);
                    }
                },
                true));
        String[] texts = new String[arguments.length];
        for (int i = 0; i < texts.length; i++) {
            texts[i] = arguments[i].toString();
        }
        return line.execute(texts);
    }

    private static Object[] with(List<Object> command, Object... more) {
        List<Object> all = new ArrayList<>(command);
        all.addAll(List.of(more));
        return all.toArray();
    }

    private Path data(int examples) throws Exception {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < examples; i++) {
            lines.append("{\"question\": \"q")
                    .append(i)
                    .append("\", \"answer\": \"a")
                    .append(i % 3)
                    .append("\"}\n");
        }
        return Files.writeString(folder.resolve("data.jsonl"), lines.toString());
    }

    @Test
    void enroll_unlessMember_leavesAMemberAlone_andLooksAtTheInviteOtherwise() throws Exception {
        Path home = folder.resolve("home");
        assertThat(sotto("enroll", "--unless-member", "$(SOTTO_INVITE)", "--home", home))
                .isEqualTo(1);
        assertThat(err.toString()).contains("an invite begins with sotto1.");
        assertThat(home).doesNotExist();

        Home.writeJson(
                home.resolve("federation.json"),
                new Membership("north", "acme", "acme", "b:1", "https://c:1", "A".repeat(43) + "=", "00".repeat(32)));
        assertThat(sotto("enroll", "--unless-member", "$(SOTTO_INVITE)", "--home", home))
                .isZero();
        assertThat(err.toString()).contains("acme is a member of north already");
    }

    @Test
    void train_withDifferentialPrivacy_saysWhatItCosts() throws Exception {
        List<Object> command = List.of(
                "train",
                "--base",
                BASE,
                "--data",
                data(30),
                "--steps",
                2,
                "--rounds",
                2,
                "--batch-size",
                3,
                "--output-dir",
                folder.resolve("adapter"));
        assertThat(sotto(with(command, "--dp-noise", 1, "--dp-delta", 1e-4, "--save-every", 1, "--output", "json")))
                .isZero();
        assertThat(sotto(
                        "privacy",
                        "--examples",
                        30,
                        "--batch-size",
                        3,
                        "--steps",
                        4,
                        "--dp-noise",
                        1,
                        "--dp-delta",
                        1e-4,
                        "--output",
                        "json"))
                .isZero();
        String[] lines =
                out.toString().lines().filter(line -> line.startsWith("{")).toArray(String[]::new);
        String epsilon = lines[1].substring(1, lines[1].indexOf(','));
        assertThat(epsilon).startsWith("\"epsilon\":");
        assertThat(lines[0]).contains(epsilon, "\"delta\":1.0E-4", "\"noiseMultiplier\":1.0", "\"dpClip\":1.0");
        assertThat(sotto(with(command, "--dp-epsilon", 2))).isZero();
        assertThat(out.toString()).contains("each of 30 examples: epsilon 2.000 at delta 1.0E-5 after 4 steps");
        assertThat(sotto(with(command, "--dp-noise", 1, "--packing"))).isEqualTo(2);
        assertThat(sotto(with(command, "--dp-noise", 1, "--dp-epsilon", 1))).isEqualTo(2);
        assertThat(sotto(with(command, "--dp-noise", 0))).isEqualTo(2);
        assertThat(sotto(with(command, "--dp-noise", 1, "--dp-delta", 0.1))).isEqualTo(2);
        assertThat(err.toString())
                .contains(
                        "--packing does not go with differential privacy",
                        "--dp-noise and --dp-epsilon exclude each other",
                        "noise multiplier is 0.0",
                        "--dp-delta is 0.1, must be above 0 and below one over the 30 examples");
    }

    @Test
    void trainThenEvaluate_adapterIsBetterThanTheBase() throws Exception {
        Path adapter = folder.resolve("adapter");
        assertThat(sotto("train", "--base", BASE, "--data", data(30), "--steps", 8, "--output-dir", adapter))
                .isZero();
        assertThat(adapter.resolve("adapter_config.json")).exists();
        assertThat(sotto("evaluate", "--base", BASE, "--data", data(30), "--output", "json"))
                .isZero();
        assertThat(sotto("evaluate", "--base", BASE, "--data", data(30), "--adapter", adapter, "--output", "json"))
                .isZero();
        String[] lines =
                out.toString().lines().filter(line -> line.startsWith("{")).toArray(String[]::new);
        assertThat(loss(lines[1])).isLessThan(loss(lines[0]));
    }

    /// The merged checkpoint alone is as good as the base with the adapter.
    @Test
    void merge_trainedAdapter_isACheckpointThatScoresTheSame() throws Exception {
        Path adapter = folder.resolve("adapter");
        Path merged = folder.resolve("merged");
        assertThat(sotto(
                        "train",
                        "--base",
                        BASE,
                        "--data",
                        data(30),
                        "--steps",
                        3,
                        "--compute",
                        "BF16",
                        "--checkpointing",
                        "--output-dir",
                        adapter))
                .isZero();
        assertThat(sotto("merge", "--base", BASE, "--adapter", adapter, "--output-dir", merged))
                .isZero();
        assertThat(sotto("evaluate", "--base", BASE, "--data", data(30), "--adapter", adapter, "--output", "json"))
                .isZero();
        assertThat(sotto("evaluate", "--base", merged, "--data", data(30), "--output", "json"))
                .isZero();
        String[] lines =
                out.toString().lines().filter(line -> line.startsWith("{")).toArray(String[]::new);
        assertThat(loss(lines[1])).isCloseTo(loss(lines[0]), org.assertj.core.api.Assertions.within(1e-4));
    }

    /// Killed after a state was saved, the same command makes the same adapter and the same curve.
    @Test
    void train_killedAndGivenAgain_makesTheSameAdapter() throws Exception {
        Path whole = folder.resolve("whole");
        Path killed = folder.resolve("killed");
        List<Object> command = List.of(
                "train",
                "--base",
                BASE,
                "--data",
                data(30),
                "--steps",
                2,
                "--rounds",
                2,
                "--batch-size",
                4,
                "--micro-batch-size",
                2,
                "--lora-dropout",
                0.1,
                "--save-every",
                1,
                "--output",
                "json",
                "--output-dir");
        assertThat(sotto(with(command, whole))).isZero();
        dying = "round 2 of 2  step 2";
        assertThat(sotto(with(command, killed))).isOne();
        dying = "never";
        assertThat(killed.resolve("training-state-2.safetensors")).exists();
        assertThat(sotto(with(command, killed))).isZero();
        for (String file : List.of("adapter_model.safetensors", "loss.csv", "loss.svg")) {
            assertThat(killed.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
        }
        assertThat(killed.resolve("training-state-2.safetensors")).doesNotExist();
        assertThat(out.toString().lines().toList().getLast())
                .contains("\"steps\":4", "\"examples\":30", "\"tokensPerSecond\":");
    }

    /// Trained to prefer, the model prefers what it did not before; the same pairs as a task give the same picture.
    @Test
    void trainDpo_thenEvaluate_prefersTheChosenAnswers() throws Exception {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 12; i++) {
            lines.append("{\"prompt\": \"q%d\", \"chosen\": \"yes\", \"rejected\": \"no\"}%n".formatted(i));
        }
        Path pairs = Files.writeString(folder.resolve("pairs.jsonl"), lines.toString());
        Path mapping = Files.writeString(folder.resolve("pairs.yaml"), "kind: preference\n");
        Path adapter = folder.resolve("adapter");
        List<Object> shared =
                List.of("--base", BASE, "--dataset", mapping, "--objective", "dpo", "--template", "vicuna");
        assertThat(sotto(with(
                        List.of("train", "--data", pairs, "--steps", 6, "--output-dir", adapter), shared.toArray())))
                .isZero();
        assertThat(sotto(with(
                        List.of("evaluate", "--data", pairs, "--adapter", adapter, "--output", "json"),
                        shared.toArray())))
                .isZero();
        assertThat(out.toString().lines().toList().getLast()).contains("\"accuracy\":1.0");
        Path task = Files.writeString(
                folder.resolve("task.yaml"),
                "name: mine\nkind: preference\nfiles: pairs.jsonl\nmapping: pairs.yaml\nbeta: 0.1\n");
        assertThat(sotto(
                        "evaluate",
                        "--base",
                        BASE,
                        "--task",
                        task,
                        "--data-dir",
                        folder,
                        "--adapter",
                        adapter,
                        "--details-dir",
                        folder.resolve("details")))
                .isZero();
        assertThat(out.toString().lines().toList().getLast())
                .contains("accuracy 1.0000", "rewardMargin", "examples 12");
        String name = "mine-" + adapter.toString().replaceAll("[^A-Za-z0-9._-]", "_") + ".jsonl";
        assertThat(folder.resolve("details").resolve(name)).content().hasLineCount(12);
    }

    @Test
    void train_packedAndSkippingBadLines_saysWhatItLeftOut() throws Exception {
        Path file = Files.writeString(
                folder.resolve("some.jsonl"), "{\"question\": \"q\", \"answer\": \"a\"}\n".repeat(9) + "{}\n");
        assertThat(sotto(
                        "train",
                        "--base",
                        BASE,
                        "--data",
                        file,
                        "--skip-bad-lines",
                        "--packing",
                        "--epochs",
                        2,
                        "--output-dir",
                        folder.resolve("adapter")))
                .isZero();
        assertThat(out.toString())
                .contains("left out 1 bad records, the first: ", "some.jsonl: line 10", "9 examples in ")
                .doesNotContain("in 9 rows");
        assertThat(sotto("train", "--base", BASE, "--data", file, "--dataset", "hh-rlhf", "--output-dir", folder))
                .isEqualTo(2);
        assertThat(err.toString()).contains("--dataset hh-rlhf: the data set holds preferences, not conversations");
    }

    /// OpenFedLLM's SFT run of Llama-2-7B: r 32 on q_proj and v_proj, 16 examples of 512 tokens.
    @Test
    void inspect_configurationAlone_saysWhatTrainingTakes() {
        assertThat(sotto(
                        "inspect",
                        "--base",
                        "../examples/openfedllm/llama-2-7b",
                        "--rank",
                        32,
                        "--alpha",
                        64,
                        "--target-modules",
                        "q_proj,v_proj",
                        "--compute",
                        "bf16",
                        "--hold-base",
                        "int8",
                        "--checkpointing",
                        "--device",
                        "cpu",
                        "--micro-batch-size",
                        16,
                        "--output",
                        "json"))
                .isZero();
        assertThat(out.toString())
                .contains("\"parameters\":6738415616", "\"coordinates\":16777216", "\"maskedBytesPerRound\":50331648");
        assertThat(sotto("inspect", "--base", BASE, "--device", "cpu")).isZero();
        assertThat(out.toString()).contains("beginToken               -1", "peakBytes", "digest  ");
    }

    /// OpenFedLLM's two published runs, as they are in `examples`.
    @Test
    void inspect_experiment_saysWhatItsRunsTake() throws Exception {
        assertThat(sotto("inspect", "--experiment", "../examples/openfedllm/sft-alpaca-gpt4.yaml", "--output", "json"))
                .isZero();
        assertThat(new ObjectMapper().readTree(out.toString()).path("rounds of fedavg"))
                .isEqualTo(new ObjectMapper().readTree("""
                        {"mode": "lora", "coordinates": 16777216, "rounds": 200, "members": 20, "cohort": 2,
                         "upBytesPerMember": 50331648, "downBytesPerMember": 67108864,
                         "upBytesInAll": 20132659200, "downBytesInAll": 26843545600}"""));
        assertThat(sotto("inspect", "--experiment", "../examples/openfedllm/dpo-hh-rlhf.yaml"))
                .isZero();
        assertThat(out.toString()).contains("coordinates              4,194,304", "cohort                   2");
        assertThat(sotto("inspect", "--experiment", "../examples/openfedllm/dpo-hh-rlhf.yaml", "--rank", 4))
                .isEqualTo(2);
        assertThat(err.toString()).contains("--rank is ../examples/openfedllm/dpo-hh-rlhf.yaml's to say");
        assertThat(sotto("inspect")).isEqualTo(2);
        assertThat(err.toString()).contains("--base").contains("--experiment");
    }

    /// Without a coordinator and a broker; with them it is in `FederationIT`.
    @Test
    void doctor_saysWhatIsWrongAndWhatToDo() throws Exception {
        Path home = folder.resolve("home");
        assertThat(sotto("doctor", "--home", home)).isEqualTo(1);
        assertThat(out.toString()).contains("failed   membership", "sotto enroll INVITE", "failed   disk");
        Home.writeJson(
                home.resolve("federation.json"),
                new Membership(
                        "north",
                        "acme",
                        "acme",
                        "127.0.0.1:1",
                        "https://127.0.0.1:1",
                        "A".repeat(43) + "=",
                        "00".repeat(32)));
        for (String secret : List.of("identity.key", "delivery.key", "draw.salt")) {
            Home.writeSecret(home.resolve(secret), "A".repeat(43).concat("=").getBytes(StandardCharsets.US_ASCII));
        }
        Files.writeString(home.resolve("policy.yaml"), Policy.TEMPLATE.replace("verify: sample", "verify: maybe"));
        Files.writeString(home.resolve("participant.yaml"), """
                base: %s
                data: %s
                device: cuda:77
                """.formatted(BASE.toAbsolutePath(), data(9)));
        assertThat(sotto("doctor", "--home", home, "--output", "json")).isEqualTo(1);
        JsonNode findings = new ObjectMapper()
                .readTree(out.toString().lines().toList().getLast())
                .path("findings");
        Map<String, String> levels = new TreeMap<>();
        findings.forEach(finding ->
                levels.put(finding.path("check").asText(), finding.path("level").asText()));
        assertThat(levels)
                .containsEntry("membership", "ok")
                .containsEntry("secrets", "ok")
                .containsEntry("policy", "failed")
                .containsEntry("settings", "ok")
                .containsEntry("certificate", "failed")
                .containsEntry("coordinator", "warning")
                .containsEntry("clock", "skipped")
                .containsEntry("broker", "failed")
                .containsEntry("registry", "skipped")
                .containsEntry("base", "ok")
                .containsEntry("device", "failed")
                .doesNotContainKey("data");
        assertThat(findings)
                .allSatisfy(finding -> assertThat(finding.path("todo").asText().isEmpty())
                        .isEqualTo(List.of("ok", "skipped")
                                .contains(finding.path("level").asText())));
        Files.writeString(home.resolve("policy.yaml"), Policy.TEMPLATE);
        Files.setPosixFilePermissions(home.resolve("identity.key"), PosixFilePermissions.fromString("rw-r--r--"));
        assertThat(sotto("doctor", "--home", home)).isEqualTo(1);
        assertThat(out.toString())
                .contains("failed   secrets", "rw-r--r--", "9 examples, policy.yaml's fewestExamples is 16");
    }

    @Test
    void run_withoutBaseOrData_namesTheOptionAndTheKey() throws Exception {
        Path home = folder.resolve("home");
        Home.writeJson(
                home.resolve("federation.json"),
                new Membership("north", "acme", "acme", "b:1", "https://c:1", "A".repeat(43) + "=", "00".repeat(32)));
        Files.writeString(home.resolve("policy.yaml"), Policy.TEMPLATE);
        Path settings = home.resolve("participant.yaml");
        assertThat(sotto("run", "--home", home)).isEqualTo(2);
        assertThat(err.toString()).contains("--base is missing, and so is base in " + settings);
        Files.writeString(settings, "base: ../base\n");
        assertThat(sotto("run", "--home", home)).isEqualTo(2);
        assertThat(err.toString()).contains("--data is missing, and so is data in " + settings);
        Files.writeString(settings, "base: ../base\ndata: nothing.jsonl\ncompute: FP8\n");
        assertThat(sotto("run", "--home", home)).isEqualTo(2);
        assertThat(err.toString()).contains(settings.toString(), "compute is 'FP8', must be one of [FP32, BF16]");
        Files.writeString(settings, "base: ../base\ndata: nothing.jsonl\n");
        assertThat(sotto("run", "--home", home)).isEqualTo(2);
        assertThat(err.toString()).contains(home.resolve("nothing.jsonl").toString());
        assertThat(sotto("run", "--home", home, "--events", "--log-format", "json"))
                .isEqualTo(2);
        assertThat(err.toString()).contains("--events", "--log-format", "mutually exclusive");
    }

    @Test
    void generate_promptsAsJson_hasAnAnswerEach() {
        assertThat(sotto(
                        "generate",
                        "--base",
                        BASE,
                        "--prompt",
                        "one",
                        "--prompt",
                        "two",
                        "--max-new-tokens",
                        4,
                        "--template",
                        "vicuna",
                        "--output",
                        "json"))
                .isZero();
        assertThat(out.toString().lines().toList())
                .hasSize(2)
                .first()
                .asString()
                .startsWith("{\"prompt\":\"one\",\"answer\":\"");
        assertThat(sotto("generate", "--base", BASE, "--prompt", "x", "--temperature", -1))
                .isEqualTo(2);
        assertThat(err.toString()).contains("temperature is -1.0, must be 0 or more");
    }

    @Test
    void device_thatIsNone_isNamedWithExitCode2() throws Exception {
        assertThat(sotto("evaluate", "--base", BASE, "--data", data(3), "--device", "tpu"))
                .isEqualTo(2);
        assertThat(err.toString()).contains("device is 'tpu', must be auto, cpu, cuda or cuda:<index>");
    }

    private static double loss(String json) {
        return Double.parseDouble(json.substring(json.indexOf(':') + 1, json.indexOf(',')));
    }

    @Test
    void pretrain_ownText_makesABaseThatTrains() throws Exception {
        Path base = folder.resolve("base");
        assertThat(sotto("pretrain", "--data", data(40), "--fields", "text", "--output-dir", base))
                .isEqualTo(2);
        assertThat(err.toString()).contains("has a text in one of --fields [text]");
        assertThat(sotto(
                        "pretrain",
                        "--data",
                        data(40),
                        "--fields",
                        "question,answer",
                        "--vocabulary",
                        300,
                        "--length",
                        8,
                        "--steps",
                        1,
                        "--output-dir",
                        base))
                .isZero();
        assertThat(sotto("train", "--base", base, "--data", data(20), "--steps", 1, "--output-dir", folder))
                .isZero();
    }

    private Path experiment(String more) throws Exception {
        return Files.writeString(
                folder.resolve("experiment.yaml"), """
                base: %s
                output: simulated
                data: { files: %s, heldOut: 8 }
                partition: { kind: iid, members: 3 }
                rounds: 2
                local: { steps: 1, batchSize: 4, learningRate: 1e-2 }
                objective: { maxTokens: 192 }
                baselines: { base: true, alone: 1, pooled: true }
                %s
                """.formatted(BASE.toAbsolutePath(), data(40), more));
    }

    @Test
    void simulate_dryRunSaysWhatWouldBeDone_thenItIsDone() throws Exception {
        Path file = experiment("encoding: { kind: masked }");
        assertThat(sotto("simulate", file, "--dry-run")).isZero();
        assertThat(out.toString())
                .contains("32 examples to deal, 8 held out", "3 runs of 2 rounds: pooled, fedavg, alone-member-01")
                .contains("10 trainings of 1 steps, of which 0 are done", "masked");
        assertThat(folder.resolve("simulated")).doesNotExist();
        assertThat(sotto("simulate", file, "--output", "json")).isZero();
        assertThat(err.toString()).contains("100 %  seed 1  alone-member-01  round 2 of 2");
        assertThat(out.toString()).contains("\"name\":\"fedavg\"", "\"belowAlone\"");
        assertThat(folder.resolve("simulated/seed-1/fedavg/adapter/adapter_model.safetensors"))
                .exists();
        assertThat(folder.resolve("simulated/comparison.md")).content().contains("| alone, best |", "| pooled |");
        assertThat(sotto("simulate", file, "--dry-run")).isZero();
        assertThat(out.toString()).contains("10 trainings of 1 steps, of which 10 are done");
    }

    @Test
    void lift_saysWhatTwoSumsTell_andWritesOnlyWhenThatIsKnown() throws Exception {
        assertThat(sotto("lift", "acme,bank,court", "--home", folder)).isOne();
        assertThat(err.toString()).contains("has confirmed no survivors yet");
        new FileJournal(folder.resolve("journal"))
                .recordConfirmed(Bytes.zeros(32), List.of("acme", "bank", "court", "dairy"));
        assertThat(sotto("lift", "bank,acme,court", "--home", folder)).isEqualTo(2);
        assertThat(out.toString()).contains("about the sum of the updates of dairy: of one organisation alone");
        assertThat(folder.resolve("lift.json")).doesNotExist();
        assertThat(sotto("lift", "bank,acme,court", "--home", folder, "--i-know-what-two-sums-tell"))
                .isZero();
        assertThat(Home.readJson(folder.resolve("lift.json"), Lift.class))
                .isEqualTo(new Lift(
                        Bytes.zeros(32).hex(),
                        List.of("acme", "bank", "court", "dairy"),
                        List.of("acme", "bank", "court")));
        assertThat(sotto("lift", "acme,bank,court,dairy", "--home", folder)).isEqualTo(2);
        assertThat(err.toString()).contains("confirmed and allowed are the same set");
    }

    @Test
    void badLine_isNamedWithExitCode2() throws Exception {
        Path file = Files.writeString(folder.resolve("bad.jsonl"), "{\"question\": \"q\", \"answer\": \"a\"}\n{}\n");
        assertThat(sotto("train", "--base", BASE, "--data", file, "--output-dir", folder))
                .isEqualTo(2);
        assertThat(err.toString()).contains("bad.jsonl: line 2").doesNotContain("\tat ");
    }

    @Test
    void missingFileOrFolder_isNamedWithExitCode2() throws Exception {
        assertThat(sotto("train", "--base", BASE, "--data", "nowhere.jsonl", "--output-dir", folder))
                .isEqualTo(2);
        assertThat(err.toString()).contains("nowhere.jsonl: there is no such file");
        assertThat(sotto("train", "--base", "/nowhere", "--data", data(5), "--output-dir", folder))
                .isEqualTo(2);
        assertThat(err.toString()).contains("config.json: there is no such file");
    }

    @Test
    void wrongOptions_areNamedWithExitCode2() throws Exception {
        Path file = data(40);
        assertThat(sotto("simulate", experiment("algorithms: [sgd]"))).isEqualTo(2);
        assertThat(err.toString()).contains("experiment.yaml: algorithms is", "must be of [fedavg, ");
        assertThat(sotto("simulate")).isEqualTo(2);
        assertThat(sotto("train", "--base", BASE, "--data", file, "--output-dir", folder, "--target-modules", "x"))
                .isEqualTo(2);
        assertThat(sotto("nonsense")).isEqualTo(2);
    }
}
