package dev.sotto.participant.model;

import dev.sotto.crypto.model.Digests;
import dev.sotto.schemas.Bytes;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/// The digest of a checkpoint, by which members know that they all have the same one.
public final class BaseModel {
    private static final Set<String> FILES =
            Set.of("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja");

    private BaseModel() {}

    /// Over `config.json`, `tokenizer.json` and every `.safetensors` file with its index (protocol §10), and over
    /// `tokenizer_config.json` and `chat_template.jinja`, which decide how examples are written.
    public static Bytes digest(Path folder) throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.list(folder)) {
            files = all.filter(file -> belongs(file.getFileName().toString())).toList();
        }
        SortedMap<String, Bytes> hashes = new TreeMap<>();
        for (Path file : files) {
            hashes.put(file.getFileName().toString(), sha256(file));
        }
        return Digests.baseModel(hashes);
    }

    private static boolean belongs(String name) {
        return FILES.contains(name) || name.endsWith(".safetensors") || name.endsWith(".safetensors.index.json");
    }

    private static Bytes sha256(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            byte[] buffer = new byte[1 << 16];
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                digest.update(buffer, 0, read);
            }
            return Bytes.of(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
