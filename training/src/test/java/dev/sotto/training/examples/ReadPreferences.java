package dev.sotto.training.examples;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Datasets;
import dev.sotto.training.data.Loaded;
import dev.sotto.training.data.Preference;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/// A file of one's own, by a mapping of one's own.
final class ReadPreferences {
    private ReadPreferences() {}

    // example: read
    static Loaded<Preference> read(Path mapping, Path records) throws IOException, InvalidFile {
        // Bad records are counted, and the first twenty described, in place of ending it.
        return Loaded.read(List.of(records), Datasets.mapping(mapping).preferences(), true);
    }
    // end
}
