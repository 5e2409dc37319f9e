package dev.sotto.training;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.fuzz.FuzzTarget;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Conversation;
import dev.sotto.training.data.Datasets;
import dev.sotto.training.data.Message;
import dev.sotto.training.data.Row;
import dev.sotto.training.data.Rows;
import dev.sotto.training.evaluation.Task;
import dev.sotto.training.template.ChatTemplate;
import dev.sotto.training.template.Rendered;
import dev.sotto.training.template.SpecialTokens;
import dev.sotto.training.template.TemplateRefused;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/// Fuzz targets for what organisations bring: data files, mappings, tasks and chat templates.
final class DataTargets {
    private static final Conversation SAID = new Conversation(
            List.of(Message.user("one"), Message.assistant("two"), Message.user("three"), Message.assistant("four")));

    private DataTargets() {}

    static List<FuzzTarget> all() {
        return List.of(
                new FuzzTarget(
                        "json-array",
                        150,
                        List.of(Bytes.utf8("[{\"a\": \"x\", \"b\": {\"c\": [1, 2.5, null]}}, {\"a\": \"é\\n\"}]")),
                        input -> rows("data.json", input)),
                new FuzzTarget(
                        "csv",
                        150,
                        List.of(Bytes.utf8("q,a\r\n\"one, \"\"two\"\"\",three\r\nfour,\"fi\nve\"\r\n")),
                        input -> rows("data.csv", input)),
                new FuzzTarget("mapping", 150, mappings(), DataTargets::mapping),
                new FuzzTarget("task", 150, tasks(), DataTargets::task),
                new FuzzTarget("chat-template", 150, templates(), DataTargets::template));
    }

    private static boolean rows(String name, byte[] input) throws IOException {
        Path file = FuzzTest.file(name, input);
        int good = 0;
        try (Rows rows = Rows.open(file)) {
            for (Row row = rows.next(); row != null; row = rows.next()) {
                assertThat(row.place()).isNotBlank();
                good += row instanceof Row.Fields ? 1 : 0;
            }
        } catch (InvalidFile refused) {
            assertThat(refused).hasMessageContaining(file.toString());
            return false;
        }
        return good > 0;
    }

    private static boolean mapping(byte[] input) throws IOException {
        Path file = FuzzTest.file("mapping.yaml", input);
        return FuzzTest.reads(file, () -> assertThat(Datasets.mapping(file)).isNotNull());
    }

    private static boolean task(byte[] input) throws IOException {
        Path file = FuzzTest.file("task.yaml", input);
        return FuzzTest.reads(file, () -> {
            Task task = Task.read(file, file.resolveSibling("data"));
            assertThat(task.files()).isNotEmpty();
            assertThat(task.limit()).isPositive();
        });
    }

    private static boolean template(byte[] input) {
        try {
            Rendered rendered = ChatTemplate.of(
                            new String(input, StandardCharsets.UTF_8), new SpecialTokens("<s>", "</s>"))
                    .render(SAID);
            for (Rendered.Span span : rendered.learned()) {
                assertThat(span.start()).isBetween(0, span.end());
                assertThat(span.end()).isLessThanOrEqualTo(rendered.text().length());
            }
            return true;
        } catch (TemplateRefused refused) {
            assertThat(refused.getMessage()).isNotBlank();
            return false;
        }
    }

    private static List<Bytes> mappings() {
        return List.of(Bytes.utf8("""
                        kind: instruction
                        instruction: [task.text, hint]
                        separator: " "
                        response: gold|silver
                        distinct: true
                        """), Bytes.utf8("""
                        kind: conversation
                        messages: conversations
                        role: from
                        content: value
                        roles: {human: user, gpt: assistant}
                        """), Bytes.utf8("""
                        kind: preference
                        transcripts: hh
                        """));
    }

    private static List<Bytes> tasks() {
        return List.of(Bytes.utf8("""
                        name: mine
                        kind: multiple-choice
                        files: [a.csv, b.csv]
                        columns: [q, a, b]
                        limit: 5
                        prompt: "{{q}}"
                        choices: [" {{a}}", " {{b}}"]
                        answer: {field: right, as: number, first: 0}
                        shots: {files: dev.csv, count: 2, example: "{{q}} {{a}}"}
                        """), Bytes.utf8("""
                        name: other
                        kind: classification
                        files: a.jsonl
                        derived:
                          truth: {field: score, below: {"-0.1": negative, "0.1": neutral}, otherwise: positive}
                        prompt: "{{text}}"
                        truth: "{{truth}}"
                        labels: {negative: [bad], neutral: [so], positive: [good]}
                        otherwise: neutral
                        temperature: 0.5
                        stop: ["\\n"]
                        """));
    }

    private static List<Bytes> templates() {
        return List.of(
                Bytes.utf8("{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] | trim + eos_token }}"
                        + "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"),
                Bytes.utf8("{%- set ns = namespace(n=0) -%}{{ bos_token }}{%- for m in messages if m.role != 'x' -%}"
                        + "{% set ns.n = ns.n + 1 %}[{{ m.role }}{{ ns.n }}]{{ m.content.strip() }}{{ eos_token }}"
                        + "{%- endfor -%}{% if add_generation_prompt %}[assistant{{ ns.n + 1 }}]{% endif %}"));
    }
}
