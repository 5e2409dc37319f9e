package dev.sotto.coordinator.slots;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/// What stands on `slots`, which only coordinators write and read: the director asks, the owners of the slots tell.
/// What tells of a sum is encrypted, as the sums in a version's header are ([SlotCipher]).
public sealed interface SlotRecord {
    /// The director wants to know what has been delivered by now. Partition 0.
    ///
    /// @param question 32 bytes that no other one has
    record Asked(Bytes question) implements SlotRecord {}

    /// Whose chunks of this slot are all in the log and match their manifest. Replaces what the slot said before.
    ///
    /// @param slot     which
    /// @param question that this answers: every chunk that was there when it was asked has been looked at
    /// @param t2       of the attempt
    record Delivered(int slot, Bytes question, Bytes t2, List<Delivery> deliveries) implements SlotRecord {
        /// Copies the list.
        public Delivered {
            deliveries = List.copyOf(deliveries);
        }
    }

    /// A member's chunks.
    ///
    /// @param manifest hash of it
    /// @param bytes    read of the member in this slot
    record Delivery(String member, Bytes manifest, long bytes) {}

    /// The unmasked sum of the scalars, by which every slot decodes. Partition 0.
    ///
    /// @param t4     of the attempt
    /// @param sealed the packed sum
    record Scalars(Bytes t4, Bytes sealed) implements SlotRecord {}

    /// This slot's chunks of the next version are on `models`, with this record in one transaction.
    ///
    /// @param t4     of the attempt
    /// @param sealed a [dev.sotto.crypto.secagg.SumPart]
    record Summed(int slot, Bytes t4, Bytes sealed) implements SlotRecord {}

    /// The sum cannot be one of honest members.
    ///
    /// @param t4 of the attempt
    record Failed(int slot, Bytes t4, String reason) implements SlotRecord {}

    /// The record's value.
    default Bytes encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            switch (this) {
                case Asked asked -> {
                    out.writeByte(0);
                    write(out, asked.question);
                }
                case Delivered delivered -> {
                    out.writeByte(1);
                    out.writeInt(delivered.slot);
                    write(out, delivered.question);
                    write(out, delivered.t2);
                    out.writeInt(delivered.deliveries.size());
                    for (Delivery delivery : delivered.deliveries) {
                        out.writeUTF(delivery.member);
                        write(out, delivery.manifest);
                        out.writeLong(delivery.bytes);
                    }
                }
                case Scalars scalars -> {
                    out.writeByte(2);
                    write(out, scalars.t4);
                    write(out, scalars.sealed);
                }
                case Summed summed -> {
                    out.writeByte(3);
                    out.writeInt(summed.slot);
                    write(out, summed.t4);
                    write(out, summed.sealed);
                }
                case Failed failed -> {
                    out.writeByte(4);
                    out.writeInt(failed.slot);
                    write(out, failed.t4);
                    out.writeUTF(failed.reason);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory cannot fail", e);
        }
        return Bytes.of(bytes.toByteArray());
    }

    /// The record in these bytes.
    ///
    /// @throws MalformedMessage if they are none; a coordinator of another version wrote it
    static SlotRecord parse(Bytes value) throws MalformedMessage {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(value.toArray()))) {
            SlotRecord record = switch (in.readByte()) {
                case 0 -> new Asked(bytes(in));
                case 1 -> {
                    int slot = in.readInt();
                    Bytes question = bytes(in);
                    Bytes t2 = bytes(in);
                    int count = count(in, Limits.MAX_MEMBERS);
                    List<Delivery> deliveries = new ArrayList<>();
                    for (int i = 0; i < count; i++) {
                        deliveries.add(new Delivery(in.readUTF(), bytes(in), in.readLong()));
                    }
                    yield new Delivered(slot, question, t2, deliveries);
                }
                case 2 -> new Scalars(bytes(in), bytes(in));
                case 3 -> new Summed(in.readInt(), bytes(in), bytes(in));
                case 4 -> new Failed(in.readInt(), bytes(in), in.readUTF());
                default -> throw new MalformedMessage("a record of slots has an unknown kind");
            };
            if (!record.encode().equals(value)) {
                throw new MalformedMessage("a record of slots is not in canonical form");
            }
            return record;
        } catch (IOException e) {
            throw new MalformedMessage("a record of slots ends too soon");
        }
    }

    private static void write(DataOutputStream out, Bytes bytes) throws IOException {
        out.writeInt(bytes.size());
        out.write(bytes.toArray());
    }

    private static Bytes bytes(DataInputStream in) throws IOException, MalformedMessage {
        return Bytes.of(in.readNBytes(count(in, in.available())));
    }

    private static int count(DataInputStream in, int most) throws IOException, MalformedMessage {
        int count = in.readInt();
        if (count < 0 || count > most) {
            throw new MalformedMessage("a record of slots counts " + count + ", at most " + most + " are possible");
        }
        return count;
    }
}
