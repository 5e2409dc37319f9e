package dev.sotto.participant.audit;

import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Attempt;
import dev.sotto.participant.home.Home;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.ModelChunk;
import dev.sotto.schemas.ModelKeys;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.LocalDateTime;
import java.util.Collection;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/// Writes a [Bundle] of whatever an audit reads through it: the same audit of the bundle finds the same. The file is
/// there only after [#finish]; mode 0600, for it holds keys unless they were to be left out.
///
/// Used by one thread.
public final class BundleWriter implements Log, Keys, AutoCloseable {
    private final Path file;
    private final Path fresh;
    private final Log log;
    private final Keys keys;
    private final boolean withKeys;
    private final ZipOutputStream zip;
    private final Set<String> written = new HashSet<>();

    /// Begins.
    ///
    /// @param log      that the audit reads
    /// @param withKeys whether what `keys` gives to the audit goes into the bundle too
    public BundleWriter(Path file, Log log, Keys keys, boolean withKeys) throws IOException {
        this.file = file.toAbsolutePath();
        this.fresh = this.file.resolveSibling(this.file.getFileName() + ".new");
        this.log = log;
        this.keys = keys;
        this.withKeys = withKeys;
        Files.deleteIfExists(fresh);
        this.zip = new ZipOutputStream(Channels.newOutputStream(FileChannel.open(
                fresh,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))));
    }

    /// Ends the bundle.
    ///
    /// @param rounds  that were audited
    /// @param vouched the word of whoever exports for the end of its log
    public void finish(Audit.Anchor anchor, Collection<Long> rounds, Vouched vouched) throws IOException {
        zip.putNextEntry(entry(Entries.DESCRIPTION));
        zip.write(Bundle.Description.of(anchor, rounds).json());
        zip.closeEntry();
        zip.putNextEntry(entry(Entries.VOUCHED));
        zip.write(Bundle.json(vouched));
        zip.closeEntry();
        zip.close();
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /// Leaves nothing behind that was not finished.
    @Override
    public void close() throws IOException {
        zip.close();
        Files.deleteIfExists(fresh);
    }

    @Override
    public List<Envelope> registry() {
        return list(Entries.REGISTRY, log.registry());
    }

    @Override
    public List<Envelope> control() {
        return list(Entries.CONTROL, log.control());
    }

    @Override
    public List<Envelope> inbox(String organisation, Attempt attempt) {
        return list(Entries.inbox(organisation, attempt), log.inbox(organisation, attempt));
    }

    @Override
    public List<Envelope> lifts(String organisation, Attempt attempt) {
        return list(Entries.lifts(organisation, attempt), log.lifts(organisation, attempt));
    }

    @Override
    public Iterator<Envelope> updates(String organisation, Attempt attempt) {
        return copying(Entries.updates(organisation, attempt), log.updates(organisation, attempt), Envelope::encode);
    }

    @Override
    public Iterator<ModelChunk> version(long version, Attempt attempt) {
        return copying(Entries.version(version), log.version(version, attempt), ModelChunk::encode);
    }

    @Override
    public void remember(ModelKeys sealed) {
        keys.remember(sealed);
    }

    @Override
    public Optional<Secret> roundSeed(Attempt attempt) {
        return key(Entries.seed(attempt), keys.roundSeed(attempt));
    }

    @Override
    public Optional<Secret> modelKey(long version, Bytes digest) {
        return key(Entries.key(version), keys.modelKey(version, digest));
    }

    private List<Envelope> list(String name, List<Envelope> all) {
        copying(name, all.iterator(), Envelope::encode).forEachRemaining(any -> {});
        return all;
    }

    private Optional<Secret> key(String name, Optional<Secret> key) {
        if (withKeys && key.isPresent() && written.add(name)) {
            write(() -> {
                zip.putNextEntry(entry(name));
                zip.write(key.get().expose(InsecureSecretAccess.get()));
                zip.closeEntry();
            });
        }
        return key;
    }

    /// What was read of a topic before, in part or as a whole, is not written a second time.
    private <T> Iterator<T> copying(String name, Iterator<T> all, Function<T, Bytes> encode) {
        if (!written.add(name)) {
            return all;
        }
        write(() -> zip.putNextEntry(entry(name)));
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return all.hasNext();
            }

            @Override
            public T next() {
                T one = all.next();
                byte[] record = encode.apply(one).toArray();
                write(() -> {
                    zip.write(ByteBuffer.allocate(Integer.BYTES)
                            .putInt(record.length)
                            .array());
                    zip.write(record);
                });
                return one;
            }
        };
    }

    /// Without the time, so that the same audit makes the same file.
    static ZipEntry entry(String name) {
        ZipEntry entry = new ZipEntry(name);
        entry.setTimeLocal(LocalDateTime.of(1980, 1, 1, 0, 0));
        return entry;
    }

    @FunctionalInterface
    private interface Writing {
        void run() throws IOException;
    }

    private void write(Writing writing) {
        try {
            writing.run();
        } catch (IOException e) {
            throw new UncheckedIOException(Home.at(file, e));
        }
    }
}
