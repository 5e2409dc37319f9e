package dev.sotto.participant.cli;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Datasets;
import dev.sotto.training.data.Loaded;
import dev.sotto.training.data.Mapping;
import dev.sotto.training.recipe.Corpus;
import dev.sotto.training.recipe.Recipe;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// How data is read.
final class DataOptions {
    @Option(
            names = "--dataset",
            paramLabel = "NAME|FILE",
            defaultValue = Datasets.DEFAULT,
            description = "What the fields are: the name of a data set that OpenFedLLM knows, such as gsm8k or hh-rlhf,"
                    + " or a mapping file, .yaml (default: instruction and output, or similar names).")
    String dataset = Datasets.DEFAULT;

    @Option(names = "--skip-bad-lines", description = "Count bad records and leave them out, instead of ending there.")
    boolean skipBadLines;

    @Spec(Spec.Target.MIXEE)
    CommandSpec command = CommandSpec.create();

    /// From fields to examples.
    Mapping<?> mapping() throws IOException, InvalidFile {
        if (dataset.endsWith(".yaml") || dataset.endsWith(".yml") || Files.isRegularFile(Path.of(dataset))) {
            return Datasets.mapping(Path.of(dataset));
        }
        try {
            return Datasets.mapping(dataset);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command.commandLine(), "--dataset: " + e.getMessage());
        }
    }

    /// Reads files for a recipe.
    <E> Corpus<E> corpus(Recipe<E> recipe, List<Path> files) throws IOException, InvalidFile {
        Mapping<?> mapping = mapping();
        try {
            return Corpus.read(recipe, files, mapping, skipBadLines);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command.commandLine(), "--dataset " + dataset + ": " + e.getMessage());
        }
    }

    /// Says what was left out, and where the first of it is.
    static void tell(PrintWriter out, Loaded<?> loaded) {
        if (loaded.skipped() > 0) {
            out.println("left out " + loaded.skipped() + " bad records, the first: "
                    + loaded.firstBad().getFirst());
        }
        if (loaded.repeated() > 0) {
            out.println("left out " + loaded.repeated() + " repeated records");
        }
    }
}
