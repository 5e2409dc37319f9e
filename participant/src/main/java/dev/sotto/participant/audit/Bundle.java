package dev.sotto.participant.audit;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Attempt;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.ModelChunk;
import dev.sotto.schemas.ModelKeys;
import dev.sotto.schemas.Topics;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Optional;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/// What an audit of some rounds needs, in one zip file, for someone who is no member and not connected. Whoever made
/// it can lie in none of it unnoticed: the coordinator's key is compared by the auditor, and everything follows from
/// signatures and digests. It can only leave out, and of the log's end not even that unless a member vouches for less.
///
/// Entries: `bundle.json`; `vouched.json`, a member's word for the end; `registry`, `control`,
/// `ROUND-ATTEMPT/inbox/ORG`, `ROUND-ATTEMPT/lifts/ORG`,
/// `ROUND-ATTEMPT/updates/ORG` and `models/VERSION` with the topics' records, each after its length as 4 bytes
/// big-endian; `ROUND-ATTEMPT/seed` and `models/VERSION.key` with 32 secret bytes.
///
/// Used by one thread.
public final class Bundle implements Log, Keys, AutoCloseable {
    private static final int RECORD = Limits.ENVELOPE + 4_096;
    private static final int KEY = 32;

    /// What a bundle says of itself: claims, until they are compared.
    ///
    /// @param format         `sotto-audit/1`
    /// @param coordinatorKey Ed25519, hexadecimal
    /// @param publicSeed     hexadecimal
    /// @param rounds         that it was made for
    public record Description(
            String format, String federation, String coordinatorKey, String publicSeed, List<Long> rounds) {
        private static final String FORMAT = "sotto-audit/1";
        private static final ObjectMapper JSON = new ObjectMapper()
                .enable(SerializationFeature.INDENT_OUTPUT)
                .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
                .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

        /// Checks what other code reads from it.
        ///
        /// @throws IllegalArgumentException if a field is not as it must be
        public Description {
            if (!format.equals(FORMAT)) {
                throw new IllegalArgumentException("format is '" + format + "', must be " + FORMAT);
            }
            var _ = new Topics(federation);
            if (Bytes.fromHex(coordinatorKey).size() != Limits.ED25519_PUBLIC_KEY
                    || Bytes.fromHex(publicSeed).size() != Limits.SEED) {
                throw new IllegalArgumentException("coordinatorKey and publicSeed must have 64 hexadecimal digits");
            }
            rounds = List.copyOf(rounds);
        }

        static Description of(Audit.Anchor anchor, Collection<Long> rounds) {
            return new Description(
                    FORMAT,
                    anchor.federation(),
                    anchor.coordinatorKey().hex(),
                    anchor.publicSeed().hex(),
                    List.copyOf(rounds));
        }

        byte[] json() throws IOException {
            return JSON.writeValueAsBytes(this);
        }

        /// What an auditor believes who has compared the key; nobody's pinned keys.
        public Audit.Anchor anchor() {
            return new Audit.Anchor(
                    federation,
                    Bytes.fromHex(coordinatorKey),
                    Bytes.fromHex(publicSeed),
                    Optional.empty(),
                    Optional.empty());
        }
    }

    /// A member's word as it stands in a bundle, hexadecimal.
    private record Word(String organisation, String registry, String control, String signature) {}

    private final Path file;
    private final ZipFile zip;
    private final Description description;

    private Bundle(Path file, ZipFile zip, Description description) {
        this.file = file;
        this.zip = zip;
        this.description = description;
    }

    static byte[] json(Vouched vouched) throws IOException {
        return Description.JSON.writeValueAsBytes(new Word(
                vouched.organisation(),
                vouched.registry().hex(),
                vouched.control().hex(),
                vouched.signature().hex()));
    }

    /// Opens one.
    ///
    /// @throws InvalidFile if it is none
    public static Bundle open(Path file) throws IOException, InvalidFile {
        ZipFile zip;
        try {
            zip = new ZipFile(file.toFile());
        } catch (ZipException e) {
            throw new InvalidFile(file, "is no bundle: " + e.getMessage());
        }
        try {
            ZipEntry entry = zip.getEntry(Entries.DESCRIPTION);
            if (entry == null) {
                throw new InvalidFile(file, "is no bundle: it holds no " + Entries.DESCRIPTION);
            }
            try (InputStream in = zip.getInputStream(entry)) {
                Description description = Description.JSON.readValue(in.readNBytes(RECORD), Description.class);
                if (description == null) {
                    throw new InvalidFile(file, Entries.DESCRIPTION + " holds nothing");
                }
                return new Bundle(file, zip, description);
            }
        } catch (JsonProcessingException e) {
            zip.close();
            throw new InvalidFile(file, Entries.DESCRIPTION + ": " + e.getOriginalMessage());
        } catch (ZipException | EOFException e) {
            zip.close();
            throw new InvalidFile(file, "is no bundle: " + Entries.DESCRIPTION + ": " + e.getMessage());
        } catch (IOException | InvalidFile e) {
            zip.close();
            throw e;
        }
    }

    /// What it says of itself.
    public Description description() {
        return description;
    }

    /// Who vouches for the end of its log, if anybody does.
    ///
    /// @throws InvalidFile if it is no such word
    public Optional<Vouched> vouched() throws IOException, InvalidFile {
        ZipEntry entry = zip.getEntry(Entries.VOUCHED);
        if (entry == null) {
            return Optional.empty();
        }
        try (InputStream in = zip.getInputStream(entry)) {
            Word word = Description.JSON.readValue(in.readNBytes(RECORD), Word.class);
            if (word == null) {
                throw new InvalidFile(file, Entries.VOUCHED + " holds nothing");
            }
            return Optional.of(new Vouched(
                    word.organisation(),
                    Bytes.fromHex(word.registry()),
                    Bytes.fromHex(word.control()),
                    Bytes.fromHex(word.signature())));
        } catch (JsonProcessingException e) {
            throw new InvalidFile(file, Entries.VOUCHED + ": " + e.getOriginalMessage());
        } catch (IllegalArgumentException | ZipException | EOFException e) {
            throw new InvalidFile(file, Entries.VOUCHED + ": " + e.getMessage());
        }
    }

    @Override
    public List<Envelope> registry() {
        return envelopes(Entries.REGISTRY);
    }

    @Override
    public List<Envelope> control() {
        return envelopes(Entries.CONTROL);
    }

    @Override
    public List<Envelope> inbox(String organisation, Attempt attempt) {
        return envelopes(Entries.inbox(organisation, attempt));
    }

    @Override
    public List<Envelope> lifts(String organisation, Attempt attempt) {
        return envelopes(Entries.lifts(organisation, attempt));
    }

    @Override
    public Iterator<Envelope> updates(String organisation, Attempt attempt) {
        return records(Entries.updates(organisation, attempt), Envelope::decode);
    }

    @Override
    public Iterator<ModelChunk> version(long version, Attempt attempt) {
        return records(Entries.version(version), ModelChunk::parse);
    }

    /// The keys are in the bundle as they were opened; what was sealed to members says nothing here.
    @Override
    public void remember(ModelKeys sealed) {}

    @Override
    public Optional<Secret> roundSeed(Attempt attempt) {
        return secret(Entries.seed(attempt));
    }

    @Override
    public Optional<Secret> modelKey(long version, Bytes digest) {
        return secret(Entries.key(version));
    }

    private Optional<Secret> secret(String name) {
        ZipEntry entry = zip.getEntry(name);
        if (entry == null) {
            return Optional.empty();
        }
        try (InputStream in = zip.getInputStream(entry)) {
            byte[] bytes = in.readNBytes(KEY + 1);
            if (bytes.length != KEY) {
                throw damaged(name, "must have " + KEY + " bytes");
            }
            return Optional.of(Secret.take(bytes));
        } catch (IOException e) {
            throw damaged(name, String.valueOf(e.getMessage()));
        }
    }

    private List<Envelope> envelopes(String name) {
        List<Envelope> all = new ArrayList<>();
        records(name, Envelope::decode).forEachRemaining(all::add);
        return all;
    }

    @FunctionalInterface
    private interface Parser<T> {
        T parse(Bytes record) throws MalformedMessage;
    }

    /// The records of an entry, those that are no message left out; of an entry that is not there, none.
    private <T> Iterator<T> records(String name, Parser<T> parser) {
        ZipEntry entry = zip.getEntry(name);
        if (entry == null) {
            return List.<T>of().iterator();
        }
        DataInputStream in;
        try {
            in = new DataInputStream(new BufferedInputStream(zip.getInputStream(entry)));
        } catch (IOException e) {
            throw damaged(name, String.valueOf(e.getMessage()));
        }
        return new Iterator<>() {
            private @Nullable T next;
            private int number;
            private boolean ended;

            @Override
            public boolean hasNext() {
                try {
                    while (next == null && !ended) {
                        byte[] length = in.readNBytes(Integer.BYTES);
                        if (length.length == 0) {
                            in.close();
                            ended = true;
                        } else {
                            next = record(length);
                        }
                    }
                    return next != null;
                } catch (IOException e) {
                    throw damaged(name, "record " + number + ": " + e.getMessage());
                }
            }

            private @Nullable T record(byte[] length) throws IOException {
                number++;
                int size =
                        length.length == Integer.BYTES ? ByteBuffer.wrap(length).getInt() : -1;
                if (size < 0 || size > RECORD) {
                    throw new IOException("its length is " + size + ", must be 0 to " + RECORD);
                }
                byte[] record = in.readNBytes(size);
                if (record.length < size) {
                    throw new IOException("the entry ends within it");
                }
                try {
                    return parser.parse(Bytes.of(record));
                } catch (MalformedMessage e) {
                    return null;
                }
            }

            @Override
            public T next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                T found = Objects.requireNonNull(next);
                next = null;
                return found;
            }
        };
    }

    private UncheckedIOException damaged(String name, String why) {
        return new UncheckedIOException(new FileSystemException(file + ", entry " + name + ": " + why));
    }

    @Override
    public void close() throws IOException {
        zip.close();
    }
}
