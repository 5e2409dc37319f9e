package dev.sotto.sandbox.demo;

import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/// What a demo does.
///
/// @param organisations ids, 3 to 16
/// @param rounds        at least 1
/// @param cohort        how many of them are drawn for each round; empty if all take part
/// @param steps         local steps per round
/// @param algorithm     of OpenFedLLM's seven, as federation.yaml names it
/// @param seed          decides data, first adapter and the order of examples
/// @param base          checkpoint folder
/// @param data          files to deal out, one folder with a file each, or nothing: generated
/// @param output        where everything goes
public record DemoPlan(
        List<String> organisations,
        int rounds,
        OptionalInt cohort,
        int steps,
        String algorithm,
        long seed,
        Path base,
        List<Path> data,
        Path output,
        int batchSize,
        int maxTokens,
        double learningRate,
        Learning learning) {
    /// What is learned, as `sotto train` and federation.yaml name it.
    ///
    /// @param objective sft or dpo
    /// @param template  how examples are written
    /// @param dataset   what the fields of the data are
    /// @param mode      what is shared of an adapter
    public record Learning(String objective, String template, String dataset, String mode) {
        /// Alpaca's, of the whole adapter.
        public static final Learning ALPACA = new Learning("sft", "alpaca", "default", "lora");

        /// The options of a command that reads data for training.
        public List<String> options() {
            return List.of("--objective", objective, "--template", template, "--dataset", dataset);
        }
    }

    private static final List<String> NAMES = List.of(
            "hospital",
            "bank",
            "ministry",
            "insurer",
            "university",
            "railway",
            "utility",
            "court",
            "airline",
            "port",
            "archive",
            "broadcaster",
            "clinic",
            "grocer",
            "library",
            "museum");

    /// Copies the lists.
    public DemoPlan {
        organisations = List.copyOf(organisations);
        data = List.copyOf(data);
    }

    /// The first `count` names.
    public static List<String> names(int count) {
        return NAMES.subList(0, count);
    }

    /// The round, from 1, in which one organisation is killed: the third, or an earlier one if there are
    /// fewer than four.
    public OptionalInt killRound() {
        return whyNobodyIsKilled().isEmpty() ? OptionalInt.of(Math.min(3, rounds - 1)) : OptionalInt.empty();
    }

    /// Empty if one is.
    public String whyNobodyIsKilled() {
        if (organisations.size() == 3 || cohort.equals(OptionalInt.of(3))) {
            return "three organisations tolerate no dropout"; // Protocol §2.
        }
        if (cohort.isPresent()) {
            return "it might not be drawn";
        }
        return rounds == 1 ? "after the only round it could not come back" : "";
    }

    /// Whether a round moves the adapter by the weighted mean of its updates and nothing else.
    boolean movesByTheMean() {
        return List.of("fedavg", "fedprox", "scaffold").contains(algorithm)
                && !learning.mode().equals("mixed");
    }

    /// Who is killed.
    public String victim() {
        return organisations.getLast();
    }
}
