package dev.sotto.training.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Datasets;
import dev.sotto.training.template.TextTemplate;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Every kind of task, from file to figures, on a model that says what the test wants.
class EvaluatorTest {
    @TempDir
    Path folder;

    /// Answers by a function of the prompt; likelihoods by what comes after it.
    private static final class Scripted implements LanguageModel {
        private final List<String> prompts = new ArrayList<>();
        private final Function<String, String> answers;
        private final Function<Continuation, Likelihood> likelihoods;

        Scripted(Function<String, String> answers, Function<Continuation, Likelihood> likelihoods) {
            this.answers = answers;
            this.likelihoods = likelihoods;
        }

        static Scripted answering(Function<String, String> answers) {
            return new Scripted(answers, continuation -> new Likelihood(0, 1, false));
        }

        static Scripted liking(Function<Continuation, Double> logProbability) {
            return new Scripted(prompt -> "", one -> new Likelihood(logProbability.apply(one), 1, false));
        }

        @Override
        public List<Likelihood> likelihoods(List<Continuation> continuations) {
            continuations.forEach(one -> prompts.add(one.prompt() + "|" + one.continuation()));
            return continuations.stream().map(likelihoods).toList();
        }

        @Override
        public List<String> answers(List<Prompt> asked, Decoding decoding) {
            asked.forEach(prompt -> prompts.add(prompt.text()));
            return asked.stream().map(prompt -> answers.apply(prompt.text())).toList();
        }
    }

    private Path write(String name, String text) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, text);
    }

    private Report run(String task, LanguageModel model) throws Exception {
        return evaluator(model).run(Task.packaged(task, folder));
    }

    private Evaluator evaluator(LanguageModel model) {
        return new Evaluator(
                model,
                Optional.of(Scripted.liking(one -> -10.0)),
                Optional.of(TextTemplate.vicuna("</s>")),
                Optional.empty(),
                Optional.of(folder.resolve("out")),
                false,
                2,
                done -> {});
    }

    @Test
    void perplexity_logProbabilities_giveTheFigures() throws Exception {
        JsonNode vector = ScoreVectorTest.vectors("perplexity");
        Map<String, LanguageModel.Likelihood> likelihoods = new LinkedHashMap<>();
        StringBuilder lines = new StringBuilder();
        for (JsonNode text : vector.path("texts")) {
            likelihoods.put(
                    text.get(0).asText(),
                    new LanguageModel.Likelihood(
                            text.get(1).asDouble(), text.get(2).asInt(), false));
            lines.append("{\"text\": \"").append(text.get(0).asText()).append("\"}\n");
        }
        write("text.jsonl", lines.toString());
        Report report = run(
                "perplexity",
                new Scripted(
                        prompt -> "",
                        one -> likelihoods.getOrDefault(
                                one.continuation(), new LanguageModel.Likelihood(0, 0, false))));
        for (String metric : List.of("loss", "perplexity", "wordPerplexity", "bitsPerByte")) {
            assertThat(report.metrics().get(metric))
                    .as(metric)
                    .isCloseTo(vector.path(metric).asDouble(), within(1e-12));
        }
    }

    @Test
    void mmlu_headlessCsvWithShots_asksForTheLetters() throws Exception {
        write("mmlu/dev.csv", "1+1?,1,2,3,4,B\n2+2?,1,2,3,4,D\n");
        write("mmlu/test.csv", "1+2?,1,2,3,4,C\n\"0,5+1?\",1,2,\"1,5\",4,C\n3-2?,1,2,3,4,A\n");
        Scripted model = Scripted.liking(one -> one.continuation().equals(" C") ? -1.0 : -2.0);
        Report report = run("mmlu", model);
        assertThat(report.metrics().get("accuracy")).isCloseTo(2 / 3.0, within(1e-12));
        assertThat(model.prompts.getFirst()).isEqualTo("""
                The following are multiple choice questions (with answers).

                1+1?
                A. 1
                B. 2
                C. 3
                D. 4
                Answer: B

                2+2?
                A. 1
                B. 2
                C. 3
                D. 4
                Answer: D

                1+2?
                A. 1
                B. 2
                C. 3
                D. 4
                Answer:| A""");
        assertThat(model.prompts).hasSize(12);
    }

    @Test
    void mmlu_parquetOfTheHub_isReadByATaskOfOnesOwn() throws Exception {
        Path task = write("own.yaml", """
                name: own
                kind: multiple-choice
                files: mmlu-snappy.parquet
                limit: 2
                prompt: "{{question}}\\nAnswer:"
                choices: [" {{choices.0}}", " {{choices.1}}", " {{choices.2}}", " {{choices.3}}"]
                answer: {field: answer, as: number}
                """);
        Report report = Evaluator.of(Scripted.liking(one -> one.continuation().equals(" 4") ? -1.0 : -2.0))
                .run(Task.read(task, Path.of("src/test/resources/data")));
        assertThat(report.examples()).isEqualTo(2);
        assertThat(report.metrics().get("accuracy")).isEqualTo(1);
    }

    /// The longest choice has the least log probability but the most per character.
    @Test
    void crass_semicolonsAndTexts_compareChoicesAlsoByLength() throws Exception {
        write("CRASS_FTM_main_data_set.csv", """
                PCTID;Premise;QCC;CorrectAnswer;Answer1;Answer2
                1;A man fell.;What if he had not?;He would have stayed on his feet.;No.;Yes.
                """);
        Report report = run("crass", Scripted.liking(one -> one.continuation().length() > 10 ? -6.0 : -4.0));
        assertThat(report.metrics()).containsEntry("accuracy", 0.0).containsEntry("accuracyByLength", 1.0);
    }

    @Test
    void medicalTasks_theirLayouts_areRead() throws Exception {
        write("medqa/test.jsonl", """
                {"question": "q", "answer": "b", "options": {"A": "a", "B": "b", "C": "c", "D": "d"}, "meta_info": "step1", "answer_idx": "B"}
                """);
        Scripted b = Scripted.liking(one -> one.continuation().equals(" B") ? -1.0 : -2.0);
        assertThat(run("medqa", b).metrics().get("accuracy")).isEqualTo(1);
        assertThat(b.prompts.getFirst()).isEqualTo("Question: q\nA. a\nB. b\nC. c\nD. d\nAnswer:| A");
        Path medmcqa = write("medmcqa.yaml", """
                name: medmcqa
                kind: multiple-choice
                files: medmcqa.json
                prompt: "Question: {{question}}"
                choices: [" A", " B", " C", " D"]
                answer: {field: cop, as: number, first: 1}
                """);
        write("medmcqa.json", """
                {"question": "q", "opa": "a", "opb": "b", "opc": "c", "opd": "d", "cop": 2}
                """);
        assertThat(Evaluator.of(b).run(Task.read(medmcqa, folder)).metrics().get("accuracy"))
                .isEqualTo(1);
        Path pubmedqa = write("pubmedqa.yaml", """
                name: pubmedqa
                kind: multiple-choice
                files: pubmedqa.json
                prompt: "Abstract: {{context.contexts}}\\nQuestion: {{question}}\\nAnswer:"
                choices: [" yes", " no", " maybe"]
                answer: {field: final_decision, as: text}
                """);
        write("pubmedqa.json", """
                {"question": "q", "context": {"contexts": ["one", "two"]}, "final_decision": "maybe"}
                """);
        Scripted maybe = Scripted.liking(one -> one.continuation().equals(" maybe") ? -1.0 : -2.0);
        assertThat(Evaluator.of(maybe)
                        .run(Task.read(pubmedqa, folder))
                        .metrics()
                        .get("accuracy"))
                .isEqualTo(1);
        assertThat(maybe.prompts.getFirst()).isEqualTo("Abstract: one\ntwo\nQuestion: q\nAnswer:| yes");
    }

    @Test
    void financialTasks_answers_becomeLabelsAsInFinGpt() throws Exception {
        write("tfns/validation.csv", "text,label\nup,1\ndown,0\nflat,2\nodd,1\n");
        Scripted model = Scripted.answering(prompt -> prompt.contains("Input: up")
                ? "Positive, not negative"
                : prompt.contains("down") ? "It is negative" : "POSITIVE");
        Report report = run("tfns", model);
        assertThat(model.prompts.getFirst())
                .isEqualTo("Instruction: What is the sentiment of this tweet? Please choose an answer from"
                        + " {negative/neutral/positive}.\nInput: up\nAnswer: ");
        // Truth + − 0 +, labels + − 0 0: F1 2/3, 1, 2/3.
        assertThat(report.metrics().get("accuracy")).isEqualTo(0.75);
        assertThat(report.metrics().get("macroF1")).isCloseTo(7 / 9.0, within(1e-12));
        assertThat(report.metrics().get("weightedF1")).isCloseTo((2 * 2 / 3.0 + 1 + 2 / 3.0) / 4, within(1e-12));
    }

    @Test
    void fiqa_scoreAndFormat_areDerived() throws Exception {
        Path task = write("fiqa.yaml", """
                name: fiqa
                kind: classification
                files: fiqa.jsonl
                derived:
                  kind: {field: format, values: {post: tweet}, otherwise: news}
                  truth: {field: sentiment_score, below: {"-0.1": negative, "0.1": neutral}, otherwise: positive}
                prompt: "{{kind}}: {{sentence}}"
                truth: "{{truth}}"
                labels: {positive: [positive], negative: [negative]}
                otherwise: neutral
                """);
        write("fiqa.jsonl", """
                {"sentence": "a", "format": "post", "sentiment_score": -0.1}
                {"sentence": "b", "format": "headline", "sentiment_score": -0.11}
                {"sentence": "c", "format": "post", "sentiment_score": 0.1}
                """);
        Scripted model = Scripted.answering(prompt -> "neutral");
        Report report = Evaluator.of(model).run(Task.read(task, folder));
        assertThat(model.prompts).containsExactly("tweet: a", "news: b", "tweet: c");
        assertThat(report.details())
                .extracting(detail -> detail.path("truth").asText())
                .containsExactly("neutral", "negative", "positive");
        assertThat(report.metrics().get("accuracy")).isCloseTo(1 / 3.0, within(1e-12));
    }

    @Test
    void gsm8k_hashes_areCompared() throws Exception {
        String given = System.getProperty("sotto.data");
        Path data = given == null ? Path.of("src/test/resources/data") : Path.of(given);
        Scripted model = Scripted.answering(prompt -> prompt.contains("A shop sells") || prompt.contains("ducks")
                ? "So it is much.\n#### " + (prompt.contains("ducks") ? "18" : "1206")
                : "I do not know");
        Report report = evaluator(model).run(Task.packaged("gsm8k", data));
        assertThat(report.examples()).isEqualTo(given == null ? 2 : 1319);
        assertThat(report.details().getFirst().path("right").asBoolean()).isTrue();
        assertThat(report.details().get(1).path("right").asBoolean()).isFalse();
        assertThat(report.metrics().get("unanswered")).isPositive();
        assertThat(model.prompts.getFirst())
                .startsWith("A chat between a curious user")
                .endsWith(" ASSISTANT:");
    }

    @Test
    void bbhMathAndDrop_answers_areExtractedAndNormalised() throws Exception {
        write(
                "bbh/boolean_expressions.json",
                "{\"examples\": [{\"input\": \"not True\", \"target\": \"False\"}, {\"input\": \"x\", \"target\": \"(A)\"}]}");
        assertThat(run("bbh", Scripted.answering(prompt -> " not True is False. So the answer is False."))
                        .metrics())
                .containsEntry("exactMatch", 0.5)
                .containsEntry("unanswered", 0.0);
        write("drop/test.jsonl", """
                {"passage": "p", "question": "q", "answer": {"number": "", "spans": ["red fox", "owl"], "date": {}}, "validated_answers": [{"number": "", "spans": ["the owl"]}]}
                {"passage": "p", "question": "q", "answer": {"number": "4", "spans": [], "date": {}}, "validated_answers": []}
                """);
        Report drop = run("drop", Scripted.answering(prompt -> " owl"));
        assertThat(drop.metrics()).containsEntry("exactMatch", 0.5).containsEntry("f1", 0.5);
    }

    @Test
    void humaneval_completions_goToAFileAndNowhereElse() throws Exception {
        write("HumanEval.jsonl", """
                {"task_id": "HumanEval/0", "prompt": "def f():\\n", "canonical_solution": "", "test": "", "entry_point": "f"}
                """);
        Report report = run("humaneval", Scripted.answering(prompt -> "    return 1"));
        assertThat(folder.resolve("out/humaneval-completions.jsonl"))
                .hasContent("{\"task_id\":\"HumanEval/0\",\"completion\":\"    return 1\"}");
        assertThat(report.metrics()).isEmpty();
    }

    /// Rewards are 0.1 (log p − log p of the reference, which is −10).
    @Test
    void preference_rewards_areComparedWithTheReference() throws Exception {
        Path data = Path.of("src/test/resources/data");
        Scripted model = Scripted.liking(one -> one.continuation().startsWith(" I would run")
                        || one.continuation().startsWith(" Play")
                        || one.continuation().startsWith(" What is red")
                ? -5.0
                : -8.0);
        Report report = evaluator(model).run(Task.packaged("hh-harmless", data));
        assertThat(model.prompts.getFirst()).endsWith("USER: Yes. ASSISTANT:| I would run it under hot water.</s>");
        // Margins 0.3, −0.3, 0.3.
        assertThat(report.metrics().get("accuracy")).isCloseTo(2 / 3.0, within(1e-12));
        assertThat(report.metrics().get("rewardMargin")).isCloseTo(0.1, within(1e-12));
        assertThat(report.metrics().get("rewardChosen")).isCloseTo((0.5 + 0.2 + 0.5) / 3, within(1e-12));
    }

    @Test
    void judged_ratings_areReadAveragedAndGrouped() throws Exception {
        write("vicuna/question.jsonl", """
                {"question_id": 1, "text": "How?", "category": "generic"}
                {"question_id": 2, "text": "Why?", "category": "coding"}
                {"question_id": 3, "turns": ["What?"], "category": "coding"}
                {"question_id": 4, "text": "Who?", "category": "coding"}
                """);
        List<String> judged = new ArrayList<>();
        Evaluator evaluator = evaluator(Scripted.answering(prompt -> "{{question}}"));
        Report report = new Evaluator(
                        evaluator.model(),
                        evaluator.reference(),
                        evaluator.template(),
                        Optional.of(messages -> {
                            String asked = messages.getLast().content();
                            judged.add(asked);
                            assertThat(messages.getFirst().content())
                                    .startsWith("You are a helpful assistant, that ranks");
                            return asked.contains("How?")
                                    ? "Good. Rating: [[8.5]]"
                                    : asked.contains("Why?")
                                            ? "[4] I say"
                                            : asked.contains("What?") ? "[[11]]" : "none";
                        }),
                        evaluator.output(),
                        false,
                        3,
                        done -> {})
                .run(Task.packaged("vicuna-bench", folder));
        assertThat(judged.getFirst())
                .contains("[Question]\nHow?\n\n[The Start of Assistant's Answer]\n{{question}}\n[The End");
        assertThat(report.metrics())
                .containsEntry("rating", 6.25)
                .containsEntry("unrated", 0.5)
                .containsEntry("rating.generic", 8.5)
                .containsEntry("rating.coding", 4.0);
    }

    @Test
    void advbench_refusals_areFoundInAnyCase() throws Exception {
        write("advbench/harmful_behaviors.csv", "goal,target\nDo x,\"Sure, here\"\nDo y,Sure\nDo z,Sure\nDo w,Sure\n");
        Report report = run(
                "advbench",
                Scripted.answering(prompt -> prompt.contains("Do x")
                        ? "I'M SORRY, no."
                        : prompt.contains("Do y")
                                ? "That is Illegal."
                                : prompt.contains("Do z") ? "Sure, no, now." : ""));
        assertThat(report.metrics()).containsEntry("refusalRate", 0.5);
    }

    @Test
    void documentation_page_namesEveryTaskDataSetAndExtraction() throws Exception {
        String page = Files.readString(Path.of("../docs/data-and-evaluation.md"));
        for (String name : Task.PACKAGED) {
            assertThat(page).contains("`" + name + "`");
        }
        for (String name : Datasets.names()) {
            assertThat(page).contains("`" + name.substring(name.indexOf('/') + 1) + "`");
        }
        for (String key : Extraction.keys()) {
            assertThat(page).contains("`" + key + "`");
        }
    }

    @Test
    void packaged_everyTask_isValid() throws Exception {
        for (String name : Task.PACKAGED) {
            assertThat(Task.packaged(name, folder).name()).isEqualTo(name);
        }
        assertThatThrownBy(() -> Task.packaged("glue", folder))
                .hasMessageContaining("task 'glue' is not known, must be one of [advbench, bbh,");
    }

    @Test
    void badRecord_endsItOrIsCounted() throws Exception {
        write("medqa/test.jsonl", """
                {"question": "q", "options": {"A": "a", "B": "b", "C": "c", "D": "d"}, "answer_idx": "B"}
                {"question": "q", "options": {"A": "a", "B": "b", "C": "c"}, "answer_idx": "B"}
                {"question": "q", "options": {"A": "a", "B": "b", "C": "c", "D": "d"}, "answer_idx": "E"}
                """);
        Scripted model = Scripted.liking(one -> -1.0);
        assertThatThrownBy(() -> run("medqa", model))
                .isInstanceOf(InvalidFile.class)
                .hasMessageEndingWith("test.jsonl: line 2: options.D is missing, must be a text");
        Evaluator skipping = new Evaluator(
                model, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), true, 1, done -> {});
        Report report = skipping.run(Task.packaged("medqa", folder));
        assertThat(report.examples()).isEqualTo(1);
        assertThat(report.skipped()).isEqualTo(2);
        assertThat(report.firstBad().getLast()).endsWith("line 3: answer_idx is 'E', must name one of the 4 choices");
        assertThat(report.summary().path("metrics").path("accuracy").asDouble()).isZero();
    }

    @Test
    void run_withoutWhatTheTaskNeeds_saysSo() throws Exception {
        Evaluator bare = Evaluator.of(Scripted.answering(prompt -> ""));
        Path data = Path.of("src/test/resources/data");
        assertThatThrownBy(() -> bare.run(Task.packaged("hh-harmless", data)))
                .hasMessage("task hh-harmless needs a template");
        assertThatThrownBy(() -> bare.run(Task.packaged("vicuna-bench", folder)))
                .hasMessage("task vicuna-bench needs a judge");
        assertThatThrownBy(() -> bare.run(Task.packaged("humaneval", folder)))
                .hasMessage("task humaneval needs an output folder");
        assertThatThrownBy(() -> bare.run(Task.packaged("gsm8k", data))).hasMessage("task gsm8k needs a template");
    }

    private Task task(String yaml) throws Exception {
        return Task.read(write("task.yaml", yaml), folder);
    }

    @Test
    void taskFile_mistakes_nameKeyValueAndWhatIsAllowed() {
        assertThatThrownBy(() -> task("name: a\nkind: choice\nfiles: x\n"))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("task.yaml: kind is 'choice', must be one of [perplexity, multiple-choice,");
        assertThatThrownBy(() -> task("name: a\nkind: refusal\nfiles: x\nprompt: p\nmarks: m\nmark: n\n"))
                .hasMessageContaining("mark is not known, allowed here are [about, ");
        assertThatThrownBy(() -> task("name: a\nkind: refusal\nfiles: x\nprompt: '{{}}'\nmarks: m\n"))
                .hasMessageContaining("prompt is '{{}}', must be a text with fields");
        assertThatThrownBy(() -> task("name: a\nkind: refusal\nfiles: x\nprompt: p\nmarks: m\nmaxTokens: 0\n"))
                .hasMessageContaining("maxTokens is 0, must be a whole number from 1 to 1048576");
        assertThatThrownBy(() ->
                        task("name: a\nkind: exact-match\nfiles: x\nprompt: p\nreference: r\nextractAnswer: hash\n"))
                .hasMessageContaining("extractAnswer is 'hash', must be one of [whole, after-hashes,");
        assertThatThrownBy(() -> task("name: a\nkind: preference\nfiles: x\ndataset: gsm8k\n"))
                .hasMessageContaining("dataset is 'gsm8k', must be a known data set of preferences");
        assertThatThrownBy(
                        () -> task(
                                "name: a\nkind: multiple-choice\nfiles: x\nprompt: p\nchoices: [a, b]\nanswer: {field: f, as: word}\n"))
                .hasMessageContaining("answer.as is 'word', must be one of [letter, number, text]");
        assertThatThrownBy(
                        () -> task(
                                "name: a\nkind: multiple-choice\nfiles: x\nprompt: p\nchoices: [a, b]\nanswer: {position: 2}\n"))
                .hasMessageContaining("answer.position is 2, must be a whole number from 0 to 1");
        assertThatThrownBy(
                        () -> task(
                                "name: a\nkind: refusal\nfiles: x\nprompt: p\nmarks: m\nderived: {k: {field: f, below: {x: y}}}\n"))
                .hasMessageContaining("derived.k.below is {\"x\":\"y\"}, must be values by numbers");
        assertThatThrownBy(() -> task("name: a\nkind: refusal\nfiles: x\nprompt: p\nmarks: m\nseparator: ab\n"))
                .hasMessageContaining("separator is 'ab', must be one character");
    }
}
