package dev.sotto.participant.simulate;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.simulate.Experiment.Label;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Topics;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.BadRecord;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Conversation;
import dev.sotto.training.data.Loaded;
import dev.sotto.training.data.Loaded.Sourced;
import dev.sotto.training.data.Preference;
import dev.sotto.training.djl.TrainingSet;
import dev.sotto.training.recipe.Recipe;
import dev.sotto.training.template.Sequences;
import dev.sotto.training.template.TemplateRefused;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;

/// The examples of an experiment as tokens. What is held out is the same in every repetition.
///
/// @param dealt   in a mixed order
/// @param heldOut likewise
/// @param notes   what was left out, a sentence each
/// @param digest  of all tokens and labels
record Examples(List<Example> dealt, List<Example> heldOut, List<String> notes, Bytes digest) {
    /// With more labels than these, evaluations do not tell them apart.
    private static final int MOST_KINDS = 12;

    /// One example.
    ///
    /// @param set of it alone
    /// @param label empty, if nothing is told apart
    record Example(TrainingSet<?> set, String label) {}

    /// One member's data.
    ///
    /// @param id     as federations have them
    /// @param data   its examples
    /// @param labels how many it has of each
    record Member(String id, TrainingSet<?> data, SortedMap<String, Integer> labels) {
        int examples() {
            return data.examples().size();
        }
    }

    /// Reads and tokenises everything.
    ///
    /// @param positions that the model knows
    /// @throws Failed if too few examples are left
    static Examples read(Experiment experiment, Sequences sequences, int positions)
            throws IOException, InvalidFile, TemplateRefused, Failed {
        return read(experiment, experiment.recipe().atMost(positions), sequences);
    }

    private static <E> Examples read(Experiment experiment, Recipe<E> recipe, Sequences sequences)
            throws IOException, InvalidFile, TemplateRefused, Failed {
        Experiment.Data data = experiment.data();
        var mapping = recipe.mapping(data.mapping());
        Loaded<Sourced<E>> loaded = Loaded.sourced(data.files(), mapping, data.skipBadLines());
        Loaded<Sourced<E>> apart = data.evaluation().isEmpty()
                ? new Loaded<>(List.of(), 0, List.of(), 0)
                : Loaded.sourced(data.evaluation(), mapping, data.skipBadLines());
        List<Sourced<E>> all = new ArrayList<>(loaded.examples());
        SplittableRandom random = Draws.random("examples");
        for (int i = all.size() - 1; i > 0; i--) {
            Collections.swap(all, i, random.nextInt(i + 1));
        }
        if (data.most() > 0 && data.most() < all.size()) {
            all.subList(data.most(), all.size()).clear();
        }
        Labels labels = Labels.of(data.label(), all, apart.examples());
        List<String> notes = new ArrayList<>();
        List<Example> dealt = tokens(all, recipe, sequences, labels, notes);
        List<Example> heldOut = tokens(apart.examples(), recipe, sequences, labels, notes);
        for (Loaded<Sourced<E>> one : List.of(loaded, apart)) {
            if (one.skipped() > 0) {
                notes.add("left out " + one.skipped() + " bad records, the first: "
                        + one.firstBad().getFirst());
            }
            if (one.repeated() > 0) {
                notes.add("left out " + one.repeated() + " repeated records");
            }
        }
        if (data.evaluation().isEmpty()) {
            int kept = dealt.size() - data.heldOut();
            if (kept < 1) {
                throw new Failed(experiment.file() + ": data.heldOut is " + data.heldOut() + " of " + dealt.size()
                        + " examples, must leave some to deal");
            }
            heldOut = dealt.subList(kept, dealt.size());
            dealt = dealt.subList(0, kept);
        }
        if (dealt.isEmpty() || heldOut.isEmpty()) {
            throw new Failed("no example has an answer within objective.maxTokens " + recipe.maxTokens() + " tokens");
        }
        return new Examples(List.copyOf(dealt), List.copyOf(heldOut), List.copyOf(notes), digest(dealt, heldOut));
    }

    private static <E> List<Example> tokens(
            List<Sourced<E>> examples, Recipe<E> recipe, Sequences sequences, Labels labels, List<String> notes)
            throws TemplateRefused, InvalidFile {
        List<Example> made = new ArrayList<>();
        for (Sourced<E> example : examples) {
            Optional<TrainingSet<?>> set = recipe.trainingSet(List.of(example.example()), sequences);
            if (set.isPresent()) {
                made.add(new Example(set.get(), labels.of(example)));
            }
        }
        if (made.size() < examples.size()) {
            notes.add("left out " + (examples.size() - made.size()) + " examples whose answer does not begin within "
                    + recipe.maxTokens() + " tokens");
        }
        return made;
    }

    private static Bytes digest(List<Example> dealt, List<Example> heldOut) {
        List<Object> hashes = new ArrayList<>();
        for (List<Example> part : List.of(dealt, heldOut)) {
            hashes.add(part.size());
            for (Example example : part) {
                hashes.add(digest(example.set(), example.label()));
            }
        }
        return Enc.hash(hashes.toArray());
    }

    private static <T> Bytes digest(TrainingSet<T> set, String label) {
        List<Object> parts = new ArrayList<>(List.of(label));
        Batch batch = set.objective().batch(set.examples(), 0);
        for (int row = 0; row < batch.tokens().length; row++) {
            ByteBuffer values = ByteBuffer.allocate(8 * batch.tokens()[row].length);
            values.asIntBuffer().put(batch.tokens()[row]).put(batch.targets()[row]);
            parts.add(Bytes.of(values.array()));
        }
        return Enc.hash(parts.toArray());
    }

    /// Who has what in one repetition.
    ///
    /// @throws Failed if the examples do not suffice
    List<Member> members(Experiment experiment, long seed) throws Failed {
        List<List<Integer>> parts;
        try {
            parts = experiment
                    .partition()
                    .deal(
                            dealt.stream().map(Example::label).toList(),
                            experiment.least(),
                            Draws.random("partition", seed));
        } catch (IllegalArgumentException e) {
            throw new Failed(experiment.file() + ": partition: " + e.getMessage());
        }
        List<String> names = names(experiment.partition(), parts);
        List<Member> members = new ArrayList<>();
        for (int k = 0; k < parts.size(); k++) {
            List<Example> own = parts.get(k).stream().map(dealt::get).toList();
            SortedMap<String, Integer> labels = new TreeMap<>();
            own.forEach(example -> labels.merge(example.label(), 1, Integer::sum));
            members.add(new Member(names.get(k), together(own), labels));
        }
        return List.copyOf(members);
    }

    /// Those of a natural partition are called by their label, if that can be.
    private List<String> names(Partition partition, List<List<Integer>> parts) {
        if (partition instanceof Partition.Natural) {
            List<String> labels = parts.stream()
                    .map(part -> dealt.get(part.getFirst())
                            .label()
                            .toLowerCase(Locale.ROOT)
                            .replaceAll("[^a-z0-9]+", "-"))
                    .toList();
            if (labels.stream().allMatch(Topics::isOrganisation)
                    && labels.stream().distinct().count() == labels.size()) {
                return labels;
            }
        }
        int digits = Math.max(2, String.valueOf(parts.size()).length());
        List<String> names = new ArrayList<>();
        for (int k = 1; k <= parts.size(); k++) {
            names.add(String.format(Locale.ROOT, "member-%0" + digits + "d", k));
        }
        return names;
    }

    private static TrainingSet<?> together(List<Example> examples) {
        List<TrainingSet<?>> sets = new ArrayList<>();
        examples.forEach(example -> sets.add(example.set()));
        return TrainingSet.together(sets);
    }

    /// Everybody's.
    TrainingSet<?> pooled() {
        return together(dealt);
    }

    /// What is held out.
    TrainingSet<?> evaluation() {
        return together(heldOut);
    }

    /// What is held out, by label; nothing, if there is one label or there are too many.
    SortedMap<String, TrainingSet<?>> kinds() {
        SortedMap<String, List<Example>> byLabel = new TreeMap<>();
        heldOut.forEach(example ->
                byLabel.computeIfAbsent(example.label(), _ -> new ArrayList<>()).add(example));
        SortedMap<String, TrainingSet<?>> kinds = new TreeMap<>();
        if (byLabel.size() > 1 && byLabel.size() <= MOST_KINDS) {
            byLabel.forEach((label, own) -> kinds.put(label, together(own)));
        }
        return kinds;
    }

    /// From examples to their labels.
    ///
    /// @param quarters the lengths at which the second, third and last quarter begin
    private record Labels(Label label, List<Integer> quarters) {
        static <E> Labels of(Label label, List<Sourced<E>> some, List<Sourced<E>> others) {
            if (!(label instanceof Label.AnswerLength)) {
                return new Labels(label, List.of());
            }
            List<Integer> lengths = new ArrayList<>();
            some.forEach(example -> lengths.add(answer(example.example()).length()));
            others.forEach(example -> lengths.add(answer(example.example()).length()));
            Collections.sort(lengths);
            return new Labels(
                    label,
                    Arrays.asList(
                            lengths.get(lengths.size() / 4),
                            lengths.get(lengths.size() / 2),
                            lengths.get(3 * lengths.size() / 4)));
        }

        String of(Sourced<?> example) throws InvalidFile {
            return switch (label) {
                case Label.None _ -> "";
                case Label.Source _ -> name(example.file());
                case Label.InField(var field) -> {
                    try {
                        yield field.text(example.record());
                    } catch (BadRecord e) {
                        throw new InvalidFile(example.file(), "data.label: " + e.getMessage());
                    }
                }
                case Label.AnswerLines _ ->
                    String.format(
                            Locale.ROOT,
                            "%02d lines",
                            answer(example.example()).strip().lines().count());
                case Label.AnswerLength _ -> {
                    int length = answer(example.example()).length();
                    long quarter =
                            1 + quarters.stream().filter(at -> length >= at).count();
                    yield "quarter " + quarter;
                }
            };
        }

        private static String name(Path file) {
            String name = String.valueOf(file.getFileName());
            int dot = name.lastIndexOf('.');
            return dot < 1 ? name : name.substring(0, dot);
        }

        private static String answer(Object example) {
            return switch (example) {
                case Conversation conversation ->
                    conversation.messages().getLast().content();
                case Preference preference -> preference.chosen();
                default -> throw new IllegalArgumentException("no recipe has " + example.getClass());
            };
        }
    }

    /// How many examples each member has of each label, as CSV.
    static String table(Map<Long, List<Member>> bySeed) {
        StringBuilder csv = new StringBuilder("seed,member,label,examples\n");
        bySeed.forEach((seed, members) -> members.forEach(member -> member.labels()
                .forEach((label, count) -> csv.append(seed)
                        .append(',')
                        .append(member.id())
                        .append(',')
                        .append(Results.cell(label))
                        .append(',')
                        .append(count)
                        .append('\n'))));
        return csv.toString();
    }
}
