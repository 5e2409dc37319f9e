package dev.sotto.coordinator.director;

import dev.sotto.coordinator.kafka.Lease;
import dev.sotto.coordinator.kafka.Writer;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import org.jboss.logging.Logger;

/// The director's office, as one replica sees it: it begins a term when the lease is its own, and ends it when the
/// lease is lost or another replica writes. A term never goes on after that, and nothing of it passes into the next
/// one, which starts from the logs.
///
/// Terms begin and end one after another, in the given executor's order. Methods may be called from any thread.
///
/// @param <T> what a term is made of
public final class Office<T extends AutoCloseable> implements Lease.Holder {
    private static final Logger LOG = Logger.getLogger(Office.class);

    /// Makes a term.
    @FunctionalInterface
    public interface Beginning<T> {
        /// Takes over from whoever directed before.
        ///
        /// @param failed gets what the term cannot handle
        T begin(Consumer<Throwable> failed) throws Exception;
    }

    private final Executor executor;
    private final Beginning<T> beginning;
    private final Runnable resign;
    private final Consumer<Throwable> fatal;
    private volatile Optional<T> term = Optional.empty();
    // On the executor only:
    private long terms;
    private boolean closed;

    /// Vacant.
    ///
    /// @param executor runs one thing after another
    /// @param resign   gives the lease up, and waits for it again
    /// @param fatal    gets what no new term would mend
    public Office(Executor executor, Beginning<T> beginning, Runnable resign, Consumer<Throwable> fatal) {
        this.executor = executor;
        this.beginning = beginning;
        this.resign = resign;
        this.fatal = fatal;
    }

    /// The present term, or nothing on a standby.
    public Optional<T> present() {
        return term;
    }

    /// The present term.
    ///
    /// @throws NotDirecting if this replica stands by
    public T term() {
        return term.orElseThrow(NotDirecting::new);
    }

    /// Ends the present term; no other begins.
    public void close() {
        next(() -> {
            closed = true;
            end("it is stopped");
        });
    }

    @Override
    public void held(int partition) {
        next(this::begin);
    }

    @Override
    public void lost(int partition) {
        next(() -> end("the lease is lost"));
    }

    @Override
    public void failed(Throwable cause) {
        fatal.accept(cause);
    }

    private void begin() {
        if (closed) {
            return;
        }
        end("a new term begins");
        long number = ++terms;
        LOG.info("this replica has the lease, and takes over");
        try {
            term = Optional.of(beginning.begin(cause -> next(() -> {
                // An earlier term's last words change nothing.
                if (number == terms) {
                    broken(cause);
                }
            })));
            LOG.info("this replica directs");
        } catch (Exception e) {
            broken(e);
        }
    }

    private void broken(Throwable cause) {
        if (Writer.isFenced(cause)) {
            end("another writer has taken over");
            resign.run();
        } else {
            fatal.accept(cause);
        }
    }

    private void end(String why) {
        terms++;
        Optional<T> ending = term;
        term = Optional.empty();
        ending.ifPresent(old -> {
            LOG.warnf("this replica stands by: %s", why);
            try {
                old.close();
            } catch (Exception e) {
                fatal.accept(e);
            }
        });
    }

    private void next(Runnable task) {
        try {
            executor.execute(task);
        } catch (RejectedExecutionException e) {
            // The process ends.
        }
    }
}
