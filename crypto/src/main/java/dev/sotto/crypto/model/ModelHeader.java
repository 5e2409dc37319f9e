package dev.sotto.crypto.model;

import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Chunk 0 of a model version: what the round that made it summed to, so that everybody computes the next
/// ranges alike.
///
/// @param made       the round and its sums, or nothing for version 0
/// @param coordinates of the plain chunks after this one
public record ModelHeader(Optional<Made> made, long coordinates) {
    private static final int MAGIC = 0x534f5431;
    /// Of a header with sums of the adapter's rows.
    private static final int MAGIC_ROWS = 0x534f5432;

    /// See [Made#steps()].
    public static final double FEW_STEPS = 64;

    /// The largest rank of a plan.
    private static final int MOST_ROWS = 1024;

    /// Of S: a sum of at most 2^36 squares of 32-bit numbers has fewer.
    private static final int SQUARES_BITS = 128;

    /// The closed round that made a version.
    ///
    /// @param round     from 0
    /// @param ringBits  k
    /// @param quotient  Q
    /// @param weightCap its weight cap
    /// @param totals    the sums of the scalars
    /// @param tensors   of all vectors but `scalars`, in layout order
    public record Made(long round, int ringBits, long quotient, int weightCap, Totals totals, List<Tensor> tensors) {
        /// Checks the limits, without which the next ranges could not be computed.
        ///
        /// @throws IllegalArgumentException if a field is outside its limits
        public Made {
            range(round, 0, Long.MAX_VALUE, "round");
            range(ringBits, 16, 32, "ringBits");
            range(quotient, 1, 1 << 30, "quotient");
            range(weightCap, 1, 65_535, "weightCap");
            range(totals.survivors(), 1, Limits.MAX_MEMBERS, "survivors");
            range(totals.weight(), 1, totals.survivors() * weightCap, "weight");
            totals.rows().forEach(row -> range(row, 0, totals.weight(), "row"));
            tensors = List.copyOf(tensors);
        }

        /// How many steps the range has for an update of mean weight: Q·mean(w̃). What rounding adds is small beside
        /// the update if there are many; below [#FEW_STEPS] somebody should be told (protocol §4).
        public double steps() {
            return (double) quotient * totals.weight() / ((double) weightCap * totals.survivors());
        }
    }

    /// One tensor of that round.
    ///
    /// @param vector        its vector's name
    /// @param name          its name
    /// @param rangeExponent e of its range
    /// @param squares       S: the sum of squares of its ring sums
    public record Tensor(String vector, String name, int rangeExponent, BigInteger squares) {
        /// Checks the limits.
        ///
        /// @throws IllegalArgumentException if a field is outside its limits
        public Tensor {
            range(vector.length(), 1, Limits.NAME, "length of a vector's name");
            range(name.length(), 1, Limits.NAME, "length of a tensor's name");
            range(rangeExponent, -126, 127, "range exponent");
            range(squares.signum(), 0, 1, "sign of the squares");
            range(squares.bitLength(), 0, SQUARES_BITS, "bits of the squares");
        }
    }

    private List<Long> rows() {
        return made.map(by -> by.totals.rows()).orElse(List.of());
    }

    /// The canonical bytes.
    public Bytes encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeInt(rows().isEmpty() ? MAGIC : MAGIC_ROWS);
            out.writeLong(coordinates);
            out.writeBoolean(made.isPresent());
            if (made.isPresent()) {
                write(out, made.get());
            }
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory cannot fail", e);
        }
        return Bytes.of(bytes.toByteArray());
    }

    private static void write(DataOutputStream out, Made made) throws IOException {
        out.writeLong(made.round);
        out.writeInt(made.ringBits);
        out.writeLong(made.quotient);
        out.writeInt(made.weightCap);
        out.writeLong(made.totals.survivors());
        out.writeLong(made.totals.weight());
        out.writeDouble(made.totals.lossSum());
        out.writeLong(made.totals.clipped());
        out.writeLong(made.totals.examples());
        out.writeLong(made.totals.tokens());
        if (!made.totals.rows().isEmpty()) {
            out.writeInt(made.totals.rows().size());
            for (long row : made.totals.rows()) {
                out.writeLong(row);
            }
        }
        out.writeInt(made.tensors.size());
        for (Tensor tensor : made.tensors) {
            out.writeUTF(tensor.vector);
            out.writeUTF(tensor.name);
            out.writeInt(tensor.rangeExponent);
            byte[] squares = tensor.squares.toByteArray();
            out.writeShort(squares.length);
            out.write(squares);
        }
    }

    /// The header in these bytes.
    ///
    /// @throws MalformedMessage if they are not exactly one; the coordinator is at fault
    public static ModelHeader parse(Bytes plain) throws MalformedMessage {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(plain.toArray()))) {
            int magic = in.readInt();
            if (magic != MAGIC && magic != MAGIC_ROWS) {
                throw new MalformedMessage("the first model chunk is no header");
            }
            long coordinates = in.readLong();
            Optional<Made> made = in.readBoolean() ? Optional.of(read(in, magic == MAGIC_ROWS)) : Optional.empty();
            ModelHeader header = new ModelHeader(made, coordinates);
            if (!header.encode().equals(plain)) {
                throw new MalformedMessage("the model header is not in canonical form");
            }
            return header;
        } catch (IOException e) {
            throw new MalformedMessage("the model header ends too soon");
        } catch (IllegalArgumentException e) {
            throw new MalformedMessage("the model header: " + e.getMessage());
        }
    }

    private static void range(long value, long least, long most, String field) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(field + " is " + value + ", must be " + least + " to " + most);
        }
    }

    private static Made read(DataInputStream in, boolean withRows) throws IOException, MalformedMessage {
        long round = in.readLong();
        int ringBits = in.readInt();
        long quotient = in.readLong();
        int weightCap = in.readInt();
        Totals sums =
                new Totals(in.readLong(), in.readLong(), in.readDouble(), in.readLong(), in.readLong(), in.readLong());
        Totals totals = withRows ? withRows(sums, in) : sums;
        int count = in.readInt();
        if (count < 0 || count > Limits.TENSORS * Limits.VECTORS) {
            throw new MalformedMessage("the model header names " + count + " tensors");
        }
        List<Tensor> tensors = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String vector = in.readUTF();
            String name = in.readUTF();
            int exponent = in.readInt();
            byte[] squares = in.readNBytes(in.readUnsignedShort());
            if (squares.length == 0) {
                throw new MalformedMessage("the model header holds an empty number");
            }
            tensors.add(new Tensor(vector, name, exponent, new BigInteger(squares)));
        }
        return new Made(round, ringBits, quotient, weightCap, totals, tensors);
    }

    private static Totals withRows(Totals sums, DataInputStream in) throws IOException, MalformedMessage {
        int count = in.readInt();
        if (count < 1 || count > MOST_ROWS) {
            throw new MalformedMessage("the model header counts " + count + " rows");
        }
        List<Long> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            rows.add(in.readLong());
        }
        return new Totals(
                sums.survivors(), sums.weight(), sums.lossSum(), sums.clipped(), sums.examples(), sums.tokens(), rows);
    }
}
