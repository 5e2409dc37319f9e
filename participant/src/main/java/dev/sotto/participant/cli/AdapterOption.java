package dev.sotto.participant.cli;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.PeftFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Option;

/// Which adapters a model is asked with.
final class AdapterOption {
    private static final String BASE = "base";

    @Option(
            names = "--adapter",
            paramLabel = "[NAME=]DIR",
            description = "Adapter folder in PEFT's format, as often as you like; NAME=base is the base model alone."
                    + " Without any: the base model.")
    List<String> given = List.of();

    /// By name, in the order given; nothing is the base model alone.
    Map<String, Optional<PeftFiles.Adapter>> adapters(LlamaConfig config) throws IOException, InvalidFile {
        Map<String, Optional<PeftFiles.Adapter>> named = new LinkedHashMap<>();
        for (String each : given) {
            int equals = each.indexOf('=');
            String folder = each.substring(equals + 1);
            boolean alone = equals >= 0 && folder.equals(BASE);
            named.put(
                    equals < 0 ? each : each.substring(0, equals),
                    alone ? Optional.empty() : Optional.of(PeftFiles.read(Path.of(folder), config)));
        }
        if (named.isEmpty()) {
            named.put(BASE, Optional.empty());
        }
        return named;
    }
}
