package dev.sotto.training.evaluation;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.BadRecord;
import dev.sotto.training.data.Field;
import dev.sotto.training.data.Loaded;
import dev.sotto.training.data.Message;
import dev.sotto.training.data.Message.Role;
import dev.sotto.training.data.Preference;
import dev.sotto.training.data.Row;
import dev.sotto.training.data.Rows;
import dev.sotto.training.evaluation.LanguageModel.Continuation;
import dev.sotto.training.evaluation.LanguageModel.Likelihood;
import dev.sotto.training.evaluation.LanguageModel.Prompt;
import dev.sotto.training.template.Template;
import dev.sotto.training.template.TemplateRefused;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.function.IntConsumer;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/// Runs evaluation tasks on a model. Nothing that a model writes is ever executed.
///
/// @param model        what is evaluated
/// @param reference    the model without its adapter, for preferences
/// @param template     how conversations are written for the model, for templated tasks and preferences
/// @param judge        who grades, for judged tasks
/// @param output       folder that completions are written to
/// @param skipBadLines whether a bad record is counted and left out
/// @param batch        records given to the model at once, at least 1
/// @param progress     hears after each batch how many records are done
public record Evaluator(
        LanguageModel model,
        Optional<LanguageModel> reference,
        Optional<Template> template,
        Optional<Judge> judge,
        Optional<Path> output,
        boolean skipBadLines,
        int batch,
        IntConsumer progress) {
    /// An evaluator of answers and likelihoods alone.
    public static Evaluator of(LanguageModel model) {
        return new Evaluator(
                model, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), false, 16, done -> {});
    }

    /// Runs a task.
    ///
    /// @throws InvalidFile              if the data are not as the task needs them, naming the place
    /// @throws IllegalArgumentException if the task needs a template, reference, judge or output that is not there
    public Report run(Task task) throws IOException, InvalidFile, InterruptedException {
        Run run = new Run(task);
        return switch (task.scoring()) {
            case Scoring.Perplexity scoring -> run.perplexity(scoring);
            case Scoring.MultipleChoice scoring -> run.multipleChoice(scoring);
            case Scoring.Classification scoring -> run.classification(scoring);
            case Scoring.ExactMatch scoring -> run.exactMatch(scoring);
            case Scoring.DropMatch scoring -> run.drop(scoring);
            case Scoring.Completions scoring -> run.completions(scoring);
            case Scoring.Preferences scoring -> run.preferences(scoring);
            case Scoring.Judged scoring -> run.judged(scoring);
            case Scoring.Refusal scoring -> run.refusal(scoring);
        };
    }

    private static <T> T needed(Optional<T> given, Task task, String what) {
        return given.orElseThrow(() -> new IllegalArgumentException("task " + task.name() + " needs " + what));
    }

    /// What a record asks for.
    @FunctionalInterface
    private interface Preparation<T> {
        T of(ObjectNode record) throws BadRecord;
    }

    /// A record and what it asks for.
    private record Item<T>(String place, ObjectNode record, T asked) {}

    /// A prompt, and what is needed to judge the answer to it.
    private record Asked<T>(String text, Prompt prompt, T expected) {}

    private static final class Means {
        private final Map<String, Double> sums = new LinkedHashMap<>();
        private final Map<String, Integer> counts = new LinkedHashMap<>();

        void add(String name, double value) {
            sums.merge(name, value, Double::sum);
            counts.merge(name, 1, Integer::sum);
        }

        Map<String, Double> of() {
            Map<String, Double> means = new LinkedHashMap<>();
            sums.forEach((name, sum) -> means.put(name, sum / counts.getOrDefault(name, 1)));
            return means;
        }
    }

    /// One task on the way.
    private final class Run {
        private static final Pattern RATING = Pattern.compile("\\[\\[(-?\\d+\\.?\\d*)]]");
        private static final Pattern RATING_ELSE = Pattern.compile("\\[(-?\\d+\\.?\\d*)]");

        private final Task task;
        private final List<ObjectNode> solved = new ArrayList<>();
        private final List<String> firstBad = new ArrayList<>();
        private final List<ObjectNode> details = new ArrayList<>();
        private long skipped;

        Run(Task task) {
            this.task = task;
        }

        private Report report(Map<String, Double> metrics) {
            return new Report(
                    task.name(), details.size(), skipped, List.copyOf(firstBad), metrics, List.copyOf(details));
        }

        private ObjectNode detail(Item<?> item) {
            ObjectNode detail = JsonNodeFactory.instance.objectNode().put("place", item.place);
            details.add(detail);
            return detail;
        }

        private <T> List<Item<T>> items(Preparation<T> preparation) throws IOException, InvalidFile {
            if (task.shots().isPresent()) {
                read(task.shots().get().files(), Integer.MAX_VALUE, record -> solved.add(record));
            }
            List<Item<T>> items = read(task.files(), task.limit(), preparation);
            if (items.isEmpty()) {
                throw new InvalidFile(
                        task.files().getFirst(),
                        "holds no records for " + task.name() + (firstBad.isEmpty() ? "" : "; " + firstBad.getFirst()));
            }
            return items;
        }

        private <T> List<Item<T>> read(List<Path> files, int limit, Preparation<T> preparation)
                throws IOException, InvalidFile {
            List<Item<T>> items = new ArrayList<>();
            for (Path file : files) {
                try (Rows rows = Rows.open(file, task.layout())) {
                    for (Row row = rows.next(); row != null && items.size() < limit; row = rows.next()) {
                        String problem;
                        switch (row) {
                            case Row.Bad bad -> problem = bad.reason();
                            case Row.Fields fields -> {
                                try {
                                    ObjectNode record = derived(fields.fields());
                                    items.add(new Item<>(
                                            file.getFileName() + ": " + row.place(), record, preparation.of(record)));
                                    continue;
                                } catch (BadRecord e) {
                                    problem = String.valueOf(e.getMessage());
                                }
                            }
                        }
                        InvalidFile bad = new InvalidFile(file, row.place() + ": " + problem);
                        if (!skipBadLines) {
                            throw bad;
                        }
                        skipped++;
                        if (firstBad.size() < Loaded.TOLD) {
                            firstBad.add(String.valueOf(bad.getMessage()));
                        }
                    }
                }
            }
            return items;
        }

        private ObjectNode derived(JsonNode fields) throws BadRecord {
            ObjectNode record = fields.deepCopy();
            for (Map.Entry<String, Derived> entry : task.derived().entrySet()) {
                record.put(entry.getKey(), entry.getValue().of(record));
            }
            return record;
        }

        private <T> Asked<T> asked(PromptText text, ObjectNode record, T expected) throws BadRecord {
            StringBuilder filled = new StringBuilder();
            if (task.shots().isPresent()) {
                Task.Shots shots = task.shots().get();
                filled.append(shots.before().fill(record));
                int taken = 0;
                for (int i = 0; i < solved.size() && taken < shots.count(); i++) {
                    if (shots.same().isEmpty()
                            || shots.same()
                                    .get()
                                    .in(solved.get(i))
                                    .equals(shots.same().get().in(record))) {
                        filled.append(shots.example().fill(solved.get(i))).append("\n\n");
                        taken++;
                    }
                }
            }
            filled.append(text.fill(record));
            if (!task.templated()) {
                return new Asked<>(filled.toString(), new Prompt(filled.toString(), false), expected);
            }
            Template used = needed(template, task, "a template");
            try {
                return new Asked<>(
                        filled.toString(),
                        new Prompt(used.prompt(List.of(Message.user(filled.toString()))), used.begins()),
                        expected);
            } catch (TemplateRefused e) {
                throw new BadRecord(String.valueOf(e.getMessage()));
            }
        }

        private <T> List<String> answers(List<Item<Asked<T>>> items) {
            List<String> answers = new ArrayList<>();
            for (int at = 0; at < items.size(); at += batch) {
                answers.addAll(model.answers(
                        items.subList(at, Math.min(at + batch, items.size())).stream()
                                .map(item -> item.asked.prompt)
                                .toList(),
                        task.decoding()));
                progress.accept(answers.size());
            }
            return answers;
        }

        private List<Likelihood> likelihoods(LanguageModel of, List<Continuation> all) {
            List<Likelihood> likelihoods = new ArrayList<>();
            for (int at = 0; at < all.size(); at += batch) {
                likelihoods.addAll(of.likelihoods(all.subList(at, Math.min(at + batch, all.size()))));
                progress.accept(likelihoods.size());
            }
            return likelihoods;
        }

        Report perplexity(Scoring.Perplexity scoring) throws IOException, InvalidFile {
            List<Item<Asked<String>>> items = items(record -> {
                String text = scoring.text().fill(record);
                if (text.isEmpty()) {
                    throw new BadRecord("the text is empty");
                }
                return asked(scoring.prompt(), record, text);
            });
            List<Likelihood> likelihoods = likelihoods(
                    model,
                    items.stream()
                            .map(item -> new Continuation(
                                    item.asked.prompt.text(), item.asked.expected, item.asked.prompt.begins()))
                            .toList());
            double sum = 0;
            long tokens = 0;
            long words = 0;
            long bytes = 0;
            for (int i = 0; i < items.size(); i++) {
                Likelihood likelihood = likelihoods.get(i);
                String text = items.get(i).asked.expected;
                sum += likelihood.logProbability();
                tokens += likelihood.tokens();
                words += text.split("\\s+", -1).length;
                bytes += text.getBytes(StandardCharsets.UTF_8).length;
                detail(items.get(i))
                        .put("logProbability", likelihood.logProbability())
                        .put("tokens", likelihood.tokens());
            }
            Map<String, Double> metrics = new LinkedHashMap<>();
            metrics.put("loss", -sum / tokens);
            metrics.put("perplexity", Math.exp(-sum / tokens));
            metrics.put("wordPerplexity", Math.exp(-sum / words));
            metrics.put("bitsPerByte", -sum / bytes / Math.log(2));
            return report(metrics);
        }

        /// @param right index of the right choice
        private record Choice(List<String> choices, int right) {}

        Report multipleChoice(Scoring.MultipleChoice scoring) throws IOException, InvalidFile {
            List<Item<Asked<Choice>>> items = items(record -> {
                List<String> choices = new ArrayList<>();
                for (PromptText choice : scoring.choices()) {
                    choices.add(choice.fill(record));
                }
                return asked(scoring.prompt(), record, new Choice(choices, right(scoring.answer(), choices, record)));
            });
            List<Continuation> all = new ArrayList<>();
            for (Item<Asked<Choice>> item : items) {
                for (String choice : item.asked.expected.choices) {
                    all.add(new Continuation(item.asked.prompt.text(), choice, item.asked.prompt.begins()));
                }
            }
            List<Likelihood> likelihoods = likelihoods(model, all);
            Means means = new Means();
            int at = 0;
            for (Item<Asked<Choice>> item : items) {
                Choice choice = item.asked.expected;
                int best = 0;
                int bestNormalised = 0;
                double[] plain = new double[choice.choices.size()];
                double[] normalised = new double[plain.length];
                for (int i = 0; i < plain.length; i++, at++) {
                    String text = choice.choices.get(i).strip();
                    plain[i] = likelihoods.get(at).logProbability();
                    normalised[i] = plain[i] / Math.max(1, text.codePointCount(0, text.length()));
                    best = plain[i] > plain[best] ? i : best;
                    bestNormalised = normalised[i] > normalised[bestNormalised] ? i : bestNormalised;
                }
                means.add("accuracy", best == choice.right ? 1 : 0);
                means.add("accuracyByLength", bestNormalised == choice.right ? 1 : 0);
                detail(item)
                        .put("chosen", best)
                        .put("chosenByLength", bestNormalised)
                        .put("right", choice.right);
            }
            return report(means.of());
        }

        private static int right(Scoring.Right right, List<String> choices, JsonNode record) throws BadRecord {
            int index;
            Field field;
            switch (right) {
                case Scoring.Right.Position position -> {
                    return position.index();
                }
                case Scoring.Right.Letter letter -> {
                    field = letter.field();
                    String text = field.text(record).strip();
                    index = text.length() == 1 ? text.charAt(0) - 'A' : -1;
                }
                case Scoring.Right.Numbered number -> {
                    field = number.field();
                    String text = field.text(record).strip();
                    index = text.matches("\\d{1,4}") ? Integer.parseInt(text) - number.first() : -1;
                }
                case Scoring.Right.Text text -> {
                    field = text.field();
                    index = choices.stream()
                            .map(String::strip)
                            .toList()
                            .indexOf(field.text(record).strip());
                }
            }
            if (index < 0 || index >= choices.size()) {
                throw new BadRecord(field + " is '" + field.text(record) + "', must name one of the " + choices.size()
                        + " choices");
            }
            return index;
        }

        Report classification(Scoring.Classification scoring) throws IOException, InvalidFile {
            List<Item<Asked<String>>> items = items(record -> {
                String truth = scoring.truth().fill(record);
                if (!scoring.marks().containsKey(truth) && !scoring.otherwise().equals(truth)) {
                    throw new BadRecord("the true label is '" + truth + "', must be one of "
                            + scoring.marks().keySet() + " or " + scoring.otherwise());
                }
                return asked(scoring.prompt(), record, truth);
            });
            List<String> answers = answers(items);
            List<String> truths = new ArrayList<>();
            List<String> labels = new ArrayList<>();
            for (int i = 0; i < items.size(); i++) {
                String answer = answers.get(i);
                String label = scoring.marks().entrySet().stream()
                        .filter(entry -> entry.getValue().stream().anyMatch(answer::contains))
                        .map(Map.Entry::getKey)
                        .findFirst()
                        .orElse(scoring.otherwise());
                truths.add(items.get(i).asked.expected);
                labels.add(label);
                detail(items.get(i)).put("answer", answer).put("label", label).put("truth", truths.getLast());
            }
            Labels scores = Labels.of(truths, labels);
            Map<String, Double> metrics = new LinkedHashMap<>();
            metrics.put("accuracy", scores.accuracy());
            metrics.put("macroF1", scores.macroF1());
            metrics.put("weightedF1", scores.weightedF1());
            return report(metrics);
        }

        Report exactMatch(Scoring.ExactMatch scoring) throws IOException, InvalidFile {
            List<Item<Asked<String>>> items = items(record -> {
                String reference = scoring.reference().fill(record);
                return asked(
                        scoring.prompt(),
                        record,
                        scoring.extraction()
                                .from(reference)
                                .orElseThrow(() -> new BadRecord("the reference has nothing for "
                                        + scoring.extraction().key() + ": " + reference)));
            });
            List<String> answers = answers(items);
            Means means = new Means();
            for (int i = 0; i < items.size(); i++) {
                Optional<String> found = scoring.answer().from(answers.get(i));
                boolean right = found.isPresent() && found.get().equals(items.get(i).asked.expected);
                means.add("exactMatch", right ? 1 : 0);
                means.add("unanswered", found.isEmpty() ? 1 : 0);
                detail(items.get(i))
                        .put("answer", answers.get(i))
                        .put("extracted", found.orElse(null))
                        .put("reference", items.get(i).asked.expected)
                        .put("right", right);
            }
            return report(means.of());
        }

        Report drop(Scoring.DropMatch scoring) throws IOException, InvalidFile {
            List<Item<Asked<List<List<String>>>>> items = items(record -> {
                JsonNode answer = scoring.answer().in(record);
                if (!answer.isObject()) {
                    throw new BadRecord(scoring.answer() + " must be an object with number, spans or date");
                }
                List<List<String>> references = new ArrayList<>(List.of(Drop.spans(answer)));
                scoring.validated().in(record).forEach(other -> references.add(Drop.spans(other)));
                return asked(scoring.prompt(), record, references);
            });
            List<String> answers = answers(items);
            Means means = new Means();
            for (int i = 0; i < items.size(); i++) {
                Drop score = Drop.best(List.of(answers.get(i).strip()), items.get(i).asked.expected);
                means.add("exactMatch", score.exact() ? 1 : 0);
                means.add("f1", score.f1());
                detail(items.get(i))
                        .put("answer", answers.get(i))
                        .put("exact", score.exact())
                        .put("f1", score.f1());
            }
            return report(means.of());
        }

        Report completions(Scoring.Completions scoring) throws IOException, InvalidFile {
            Path folder = needed(output, task, "an output folder");
            List<Item<Asked<String>>> items =
                    items(record -> asked(scoring.prompt(), record, scoring.id().text(record)));
            List<String> answers = answers(items);
            StringBuilder lines = new StringBuilder();
            for (int i = 0; i < items.size(); i++) {
                ObjectNode line = JsonNodeFactory.instance
                        .objectNode()
                        .put("task_id", items.get(i).asked.expected)
                        .put("completion", answers.get(i));
                lines.append(line).append('\n');
                detail(items.get(i)).setAll(line);
            }
            Files.createDirectories(folder);
            Files.writeString(folder.resolve(task.name() + "-completions.jsonl"), lines);
            return report(Map.of());
        }

        Report preferences(Scoring.Preferences scoring) throws IOException, InvalidFile {
            Template used = needed(template, task, "a template");
            LanguageModel base = needed(reference, task, "a reference model");
            List<Item<List<Continuation>>> items = items(record -> {
                Preference preference = scoring.mapping().map(record);
                try {
                    Template.Turn chosen = used.turn(preference.prompt(), preference.chosen());
                    Template.Turn rejected = used.turn(preference.prompt(), preference.rejected());
                    return List.of(
                            new Continuation(chosen.prompt(), chosen.answer(), used.begins()),
                            new Continuation(rejected.prompt(), rejected.answer(), used.begins()));
                } catch (TemplateRefused e) {
                    throw new BadRecord(String.valueOf(e.getMessage()));
                }
            });
            List<Continuation> all =
                    items.stream().flatMap(item -> item.asked.stream()).toList();
            List<Likelihood> own = likelihoods(model, all);
            List<Likelihood> before = likelihoods(base, all);
            Means means = new Means();
            for (int i = 0; i < items.size(); i++) {
                double chosen = reward(scoring, own.get(2 * i), before.get(2 * i));
                double rejected = reward(scoring, own.get(2 * i + 1), before.get(2 * i + 1));
                means.add("accuracy", chosen > rejected ? 1 : 0);
                means.add("rewardMargin", chosen - rejected);
                means.add("rewardChosen", chosen);
                means.add("rewardRejected", rejected);
                detail(items.get(i)).put("rewardChosen", chosen).put("rewardRejected", rejected);
            }
            return report(means.of());
        }

        private static double reward(Scoring.Preferences scoring, Likelihood own, Likelihood before) {
            return scoring.beta() * (own.logProbability() - before.logProbability());
        }

        Report judged(Scoring.Judged scoring) throws IOException, InvalidFile, InterruptedException {
            Judge grader = needed(judge, task, "a judge");
            List<Item<Asked<String>>> items = items(record -> asked(
                    scoring.prompt(),
                    record,
                    scoring.group().isEmpty() ? "" : scoring.group().get().text(record)));
            List<String> answers = answers(items);
            Means means = new Means();
            Map<String, Double> grouped = new TreeMap<>();
            Means groups = new Means();
            for (int i = 0; i < items.size(); i++) {
                ObjectNode record = items.get(i).record.deepCopy();
                record.put("question", items.get(i).asked.text).put("answer", answers.get(i));
                List<Message> messages = new ArrayList<>();
                scoring.system().ifPresent(system -> messages.add(new Message(Role.SYSTEM, system)));
                try {
                    messages.add(Message.user(scoring.judgment().fill(record)));
                } catch (BadRecord e) {
                    throw new InvalidFile(
                            task.files().getFirst(), items.get(i).place + ": the judgment's " + e.getMessage());
                }
                String reply = grader.reply(messages);
                OptionalDouble rating = rating(scoring, reply);
                means.add("unrated", rating.isEmpty() ? 1 : 0);
                ObjectNode detail =
                        detail(items.get(i)).put("answer", answers.get(i)).put("judgment", reply);
                if (rating.isPresent()) {
                    means.add("rating", rating.getAsDouble());
                    detail.put("rating", rating.getAsDouble());
                    if (scoring.group().isPresent()) {
                        groups.add("rating." + items.get(i).asked.expected, rating.getAsDouble());
                    }
                }
            }
            Map<String, Double> metrics = means.of();
            grouped.putAll(groups.of());
            metrics.putAll(grouped);
            return report(metrics);
        }

        private static OptionalDouble rating(Scoring.Judged scoring, String reply) {
            return RATING.matcher(reply)
                    .results()
                    .findFirst()
                    .or(() -> RATING_ELSE.matcher(reply).results().findFirst())
                    .map((MatchResult found) -> Double.parseDouble(found.group(1)))
                    .filter(rating -> rating >= scoring.lowest() && rating <= scoring.highest())
                    .map(OptionalDouble::of)
                    .orElse(OptionalDouble.empty());
        }

        Report refusal(Scoring.Refusal scoring) throws IOException, InvalidFile {
            List<String> marks = scoring.marks().stream()
                    .map(mark -> mark.toLowerCase(Locale.ROOT))
                    .toList();
            List<Item<Asked<String>>> items = items(record -> asked(scoring.prompt(), record, ""));
            List<String> answers = answers(items);
            Means means = new Means();
            for (int i = 0; i < items.size(); i++) {
                String answer = answers.get(i).toLowerCase(Locale.ROOT);
                boolean refused = marks.stream().anyMatch(answer::contains);
                means.add("refusalRate", refused ? 1 : 0);
                detail(items.get(i)).put("answer", answers.get(i)).put("refused", refused);
            }
            return report(means.of());
        }
    }
}
