package dev.sotto.crypto.secagg;

import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.model.Digests;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelPart;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.VectorLayout;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// What one slot tells of its part of an unmasked sum, and of the next version that it made of it. All parts together
/// tell the same as the whole sum does, however many there are.
///
/// @param chunks  hashes of the unmasked packed chunks, by vector and index
/// @param squares S over these chunks, of every tensor of all vectors but the scalars, in layout order
/// @param model   hashes of the next version's plain chunks, by index
public record SumPart(
        SortedMap<String, SortedMap<Integer, Bytes>> chunks,
        List<BigInteger> squares,
        SortedMap<Integer, Bytes> model) {
    /// The round's result.
    ///
    /// @param header          of the version
    /// @param modelDigest     its digest
    /// @param aggregateDigest of the sum
    public record Whole(ModelHeader header, Bytes modelDigest, Bytes aggregateDigest) {}

    /// Copies the collections.
    public SumPart {
        SortedMap<String, SortedMap<Integer, Bytes>> copy = new TreeMap<>();
        chunks.forEach((vector, hashes) -> copy.put(vector, new TreeMap<>(hashes)));
        chunks = copy;
        squares = List.copyOf(squares);
        model = new TreeMap<>(model);
    }

    /// Puts the parts of all slots together.
    ///
    /// @param totals  of the whole sum
    /// @param version that the round makes
    /// @param vectors of a version: the adapter, and those of the optimiser
    /// @throws IllegalStateException if a chunk is missing or there twice: the caller's bug
    public static Whole whole(
            Survivors survivors, Totals totals, Collection<SumPart> parts, long version, int vectors) {
        Opened opened = survivors.routed().roster().opened();
        RoundOpened message = opened.message();
        SortedMap<Integer, Bytes> model = new TreeMap<>();
        Map<String, SortedMap<Integer, Bytes>> sums = new TreeMap<>();
        List<BigInteger> squares = new ArrayList<>();
        for (SumPart part : parts) {
            part.model.forEach((index, hash) -> once(model, index, hash));
            part.chunks.forEach((vector, hashes) -> hashes.forEach(
                    (index, hash) -> once(sums.computeIfAbsent(vector, any -> new TreeMap<>()), index, hash)));
            for (int i = 0; i < part.squares.size(); i++) {
                if (i == squares.size()) {
                    squares.add(BigInteger.ZERO);
                }
                squares.set(i, squares.get(i).add(part.squares.get(i)));
            }
        }
        List<Bytes> hashes = new ArrayList<>();
        for (VectorLayout vector : message.layout()) {
            hashes.addAll(all(
                    vector.name(),
                    sums.getOrDefault(vector.name(), new TreeMap<>()),
                    Parameters.ring(message, vector).chunks(vector.size())));
        }
        int size = Math.toIntExact(message.layout().getFirst().size());
        ModelHeader header =
                new ModelHeader(Optional.of(UnmaskedSum.made(message, totals, squares)), (long) size * vectors);
        once(model, 0, Enc.sha256(header.encode()));
        return new Whole(
                header,
                Digests.version(opened.federation(), version, all("the model", model, ModelPart.count(size, vectors))),
                Digests.aggregate(survivors.t3(), hashes));
    }

    /// The canonical bytes.
    public Bytes encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeInt(chunks.size());
            for (var vector : chunks.entrySet()) {
                out.writeUTF(vector.getKey());
                write(out, vector.getValue());
            }
            out.writeInt(squares.size());
            for (BigInteger square : squares) {
                byte[] number = square.toByteArray();
                out.writeShort(number.length);
                out.write(number);
            }
            write(out, model);
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory cannot fail", e);
        }
        return Bytes.of(bytes.toByteArray());
    }

    private static void write(DataOutputStream out, SortedMap<Integer, Bytes> hashes) throws IOException {
        out.writeInt(hashes.size());
        for (var hash : hashes.entrySet()) {
            out.writeInt(hash.getKey());
            out.write(hash.getValue().toArray());
        }
    }

    /// The part in these bytes.
    ///
    /// @throws MalformedMessage if they are not exactly one; a coordinator of another version wrote them
    public static SumPart parse(Bytes plain) throws MalformedMessage {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(plain.toArray()))) {
            int vectors = count(in, Limits.VECTORS);
            SortedMap<String, SortedMap<Integer, Bytes>> chunks = new TreeMap<>();
            for (int i = 0; i < vectors; i++) {
                chunks.put(in.readUTF(), hashes(in));
            }
            int tensors = count(in, Limits.TENSORS * Limits.VECTORS);
            List<BigInteger> squares = new ArrayList<>();
            for (int i = 0; i < tensors; i++) {
                squares.add(new BigInteger(in.readNBytes(in.readUnsignedShort())));
            }
            SumPart part = new SumPart(chunks, squares, hashes(in));
            if (!part.encode().equals(plain)) {
                throw new MalformedMessage("a slot's part is not in canonical form");
            }
            return part;
        } catch (IOException | NumberFormatException e) {
            throw new MalformedMessage("a slot's part ends too soon, or holds no number");
        }
    }

    private static SortedMap<Integer, Bytes> hashes(DataInputStream in) throws IOException, MalformedMessage {
        int count = count(in, in.available() / Limits.HASH);
        SortedMap<Integer, Bytes> hashes = new TreeMap<>();
        for (int i = 0; i < count; i++) {
            int index = in.readInt();
            byte[] hash = in.readNBytes(Limits.HASH);
            if (hash.length != Limits.HASH) {
                throw new MalformedMessage("a slot's part ends too soon");
            }
            hashes.put(index, Bytes.of(hash));
        }
        return hashes;
    }

    private static int count(DataInputStream in, int most) throws IOException, MalformedMessage {
        int count = in.readInt();
        if (count < 0 || count > most) {
            throw new MalformedMessage("a slot's part counts " + count + ", at most " + most + " are possible");
        }
        return count;
    }

    private static void once(SortedMap<Integer, Bytes> hashes, int index, Bytes hash) {
        if (hashes.putIfAbsent(index, hash) != null) {
            throw new IllegalStateException("chunk " + index + " is there twice");
        }
    }

    private static List<Bytes> all(String what, SortedMap<Integer, Bytes> hashes, int count) {
        if (hashes.size() != count || hashes.firstKey() != 0 || hashes.lastKey() != count - 1) {
            throw new IllegalStateException(
                    what + " has the chunks " + hashes.keySet() + ", must have 0 to " + (count - 1));
        }
        return List.copyOf(hashes.values());
    }
}
