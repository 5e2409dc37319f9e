package dev.sotto.crypto.model;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/// The digests of protocol §10.
public final class Digests {
    private Digests() {}

    /// Of a model version: H(enc("sotto/1/model", federation, version, H(plain chunk 0), …)).
    public static Bytes version(String federation, long version, List<Bytes> chunkHashes) {
        List<Object> items = new ArrayList<>(List.of("sotto/1/model", federation, version));
        items.addAll(chunkHashes);
        return Enc.hash(items.toArray());
    }

    /// Of an unmasked sum: H(enc("sotto/1/aggregate", T3, H(chunk), …)), in layout order.
    public static Bytes aggregate(Bytes t3, List<Bytes> chunkHashes) {
        List<Object> items = new ArrayList<>(List.of("sotto/1/aggregate", t3));
        items.addAll(chunkHashes);
        return Enc.hash(items.toArray());
    }

    /// Of a base model: H(enc(name, H(file), …)), names ascending.
    public static Bytes baseModel(SortedMap<String, Bytes> fileHashes) {
        List<Object> items = new ArrayList<>();
        for (Map.Entry<String, Bytes> file : fileHashes.entrySet()) {
            items.add(file.getKey());
            items.add(file.getValue());
        }
        return Enc.hash(items.toArray());
    }
}
