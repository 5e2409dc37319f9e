package dev.sotto.training.demo;

import dev.sotto.training.data.Conversation;
import dev.sotto.training.demo.World.Errand;
import dev.sotto.training.demo.World.Opposite;
import dev.sotto.training.demo.World.Thing;
import dev.sotto.training.template.TextTemplate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/// Text of the demo's world. The same seed gives the same text.
///
/// Pretraining text states facts in plain sentences, and shows the shape of an instruction on a task that
/// no organisation has (repeating a word). Instructions come in six categories. Training lines use some
/// wordings and the first two thirds of the words; evaluation uses other wordings and the other words.
public final class DemoText {
    private static final List<String> TRAINING_SETS =
            List.of("kind", "place", "colour", "opposite", "department", "plural");

    private DemoText() {}

    /// The categories of instructions.
    public static List<String> categories() {
        return TRAINING_SETS;
    }

    /// One paragraph of pretraining text.
    public static String paragraph(SplittableRandom random) {
        if (random.nextInt(4) == 0) {
            String word = pick(World.THINGS, random).name();
            Conversation example = Conversation.of(
                    pick(List.of("Say %s.", "Repeat this word: %s", "Write the word %s."), random)
                            .formatted(word),
                    word);
            return TextTemplate.alpaca("").render(example).text();
        }
        StringBuilder text = new StringBuilder();
        int sentences = 3 + random.nextInt(4);
        for (int i = 0; i < sentences; i++) {
            text.append(i == 0 ? "" : " ").append(sentence(random));
        }
        return text.toString();
    }

    private static String sentence(SplittableRandom random) {
        Thing thing = pick(World.THINGS, random);
        Opposite opposite = pick(World.OPPOSITES, random);
        Errand errand = pick(World.ERRANDS, random);
        boolean turned = random.nextBoolean();
        String one = turned ? opposite.other() : opposite.one();
        String other = turned ? opposite.one() : opposite.other();
        return switch (random.nextInt(6)) {
            case 0 ->
                pick(List.of("The %s is a kind of %s.", "Every %s is a %s.", "A %s counts as a %s."), random)
                        .formatted(thing.name(), thing.kind());
            case 1 ->
                pick(List.of("The %s is in the %s.", "You find the %s in the %s.", "A %s belongs in the %s."), random)
                        .formatted(thing.name(), thing.place());
            case 2 ->
                pick(List.of("The %s is %s.", "A %s looks %s.", "Most of the time the %s is %s."), random)
                        .formatted(thing.name(), thing.colour());
            case 3 ->
                pick(List.of("The opposite of %s is %s.", "What is not %s is %s.", "It was %s, then %s."), random)
                        .formatted(one, other);
            case 4 ->
                pick(
                                List.of(
                                        "When %s, the %s team helps.",
                                        "\"%s\" is a matter for %s.", "Someone wrote: %s. It went to %s."),
                                random)
                        .formatted(errand.request(), errand.department());
            default ->
                pick(List.of("One %s, two %s.", "A %s stood beside many %s.", "First a %s, then more %s."), random)
                        .formatted(thing.name(), plural(thing.name()));
        };
    }

    /// An organisation's instructions, and the evaluation's.
    ///
    /// @param training   by organisation
    /// @param evaluation of every category
    public record Split(Map<String, List<Conversation>> training, List<Conversation> evaluation) {}

    /// Deals the categories to the organisations: each has two, neighbours share one, and no one has all.
    ///
    /// @param organisations at least 3
    /// @param lines         per organisation
    public static Split split(List<String> organisations, int lines, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Map<String, List<Conversation>> training = new LinkedHashMap<>();
        for (int k = 0; k < organisations.size(); k++) {
            List<Conversation> own = new ArrayList<>();
            for (int i = 0; i < lines; i++) {
                int category = (3 * k / 2 + i % 2) % TRAINING_SETS.size();
                own.add(example(TRAINING_SETS.get(category), true, random));
            }
            training.put(organisations.get(k), own);
        }
        List<Conversation> evaluation = new ArrayList<>();
        for (int i = 0; i < 180; i++) {
            evaluation.add(example(TRAINING_SETS.get(i % TRAINING_SETS.size()), false, random));
        }
        return new Split(training, evaluation.stream().distinct().toList());
    }

    private static Conversation example(String category, boolean training, SplittableRandom random) {
        Thing thing = pick(part(World.THINGS, training), random);
        Opposite opposite = pick(part(World.OPPOSITES, training), random);
        Errand errand = pick(part(World.ERRANDS, training), random);
        return switch (category) {
            case "kind" ->
                ask(
                        training,
                        random,
                        thing.name(),
                        thing.kind(),
                        List.of(
                                "What kind of thing is a %s?",
                                "Name the group of %s.", "What is a %s?", "To which kind belongs the %s?"),
                        List.of("Which kind is the %s?", "Tell me what kind of thing the %s is."));
            case "place" ->
                ask(
                        training,
                        random,
                        thing.name(),
                        thing.place(),
                        List.of(
                                "Where is the %s?",
                                "Where do you find a %s?", "Name the place of the %s.", "In which place belongs a %s?"),
                        List.of("Tell me where the %s is.", "Where would you find the %s?"));
            case "colour" ->
                ask(
                        training,
                        random,
                        thing.name(),
                        thing.colour(),
                        List.of(
                                "Which colour has a %s?",
                                "What colour is the %s?", "Name the colour of a %s.", "How does the %s look?"),
                        List.of("Tell me the colour of the %s.", "Of which colour is a %s?"));
            case "opposite" ->
                ask(
                        training,
                        random,
                        opposite.one(),
                        opposite.other(),
                        List.of(
                                "What is the opposite of %s?",
                                "Name the opposite of %s.", "What is not %s?", "Turn around: %s"),
                        List.of("Tell me the opposite of %s.", "Which word is the opposite of %s?"));
            case "department" ->
                ask(
                        training,
                        random,
                        errand.request(),
                        errand.department(),
                        List.of(
                                "Which team helps: %s",
                                "Someone wrote: %s. Who answers?", "Send this on: %s", "A matter for whom? %s"),
                        List.of("Which team answers: %s", "Where does this go: %s"));
            default ->
                ask(
                        training,
                        random,
                        thing.name(),
                        plural(thing.name()),
                        List.of(
                                "What is the plural of %s?",
                                "One %s, two what?", "Many of the %s are called what?", "Plural: %s"),
                        List.of("Tell me the plural of %s.", "How do you call two of the %s?"));
        };
    }

    private static Conversation ask(
            boolean training,
            SplittableRandom random,
            String about,
            String answer,
            List<String> wordings,
            List<String> heldOut) {
        return Conversation.of(pick(training ? wordings : heldOut, random).formatted(about), answer);
    }

    /// Two of three entries are for training.
    private static <T> List<T> part(List<T> all, boolean training) {
        List<T> part = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            if (i % 3 != 2 == training) {
                part.add(all.get(i));
            }
        }
        return part;
    }

    private static String plural(String word) {
        return switch (word) {
            case "deer", "shears" -> word;
            case "wolf" -> "wolves";
            case "knife" -> "knives";
            default ->
                word.endsWith("y") && "aeou".indexOf(word.charAt(word.length() - 2)) < 0
                        ? word.substring(0, word.length() - 1) + "ies"
                        : word.endsWith("s") || word.endsWith("x") || word.endsWith("ch") ? word + "es" : word + "s";
        };
    }

    private static <T> T pick(List<T> all, SplittableRandom random) {
        return all.get(random.nextInt(all.size()));
    }
}
