package dev.sotto.participant.enrolment;

import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/// When a running agent renews its certificate: when a third of its time is left. What fails is tried again after an
/// hour, or sooner where the certificate ends sooner: at least four times.
///
/// Used by one thread.
public final class Renewals {
    /// The share of its time that a certificate has left when it is renewed.
    private static final int SHARE = 3;

    private static final Duration RETRY = Duration.ofHours(1);
    /// The coordinator grants no two within ten minutes.
    private static final Duration LEAST = Duration.ofMinutes(11);
    private static final int TRIES = 4;

    private final Home home;
    private final Renewing renewing;
    private final Clock clock;
    private Instant next = Instant.MIN;

    /// Gets the next certificate.
    @FunctionalInterface
    public interface Renewing {
        /// Puts it into the home.
        void renew(Home home) throws IOException, InvalidFile, Failed, InterruptedException;
    }

    /// Of a home.
    public Renewals(Home home, Renewing renewing, Clock clock) {
        this.home = home;
        this.renewing = renewing;
        this.clock = clock;
    }

    /// Whether [#renew] has something to do.
    public boolean areDue() {
        return !clock.instant().isBefore(next);
    }

    /// Somebody else has put another certificate into the home: when that one is due is found anew.
    public void lookAgain() {
        next = Instant.MIN;
    }

    /// When the next one is due.
    public Instant next() {
        return next;
    }

    /// Renews if that is due.
    ///
    /// @return whether it did
    /// @throws Failed if the coordinator refuses or cannot be reached: another try is due later
    public boolean renew() throws IOException, InvalidFile, Failed, InterruptedException {
        if (!areDue()) {
            return false;
        }
        Instant due = due();
        if (clock.instant().isBefore(due)) {
            next = due;
            return false;
        }
        next = again();
        renewing.renew(home);
        Instant least = clock.instant().plus(LEAST);
        Instant then = due();
        next = then.isAfter(least) ? then : least;
        return true;
    }

    private Instant again() throws IOException, InvalidFile {
        Instant now = clock.instant();
        Duration left = home.certificate()
                .map(valid -> Duration.between(now, valid.ends()).dividedBy(TRIES))
                .orElse(RETRY);
        Duration wait = left.compareTo(RETRY) < 0 ? left : RETRY;
        return now.plus(wait.compareTo(LEAST) < 0 ? LEAST : wait);
    }

    private Instant due() throws IOException, InvalidFile {
        return due(home).orElse(Instant.MAX);
    }

    /// When a third of the certificate's time is left; nothing if there is none.
    public static Optional<Instant> due(Home home) throws IOException, InvalidFile {
        return home.certificate()
                .map(valid -> valid.ends()
                        .minus(Duration.between(valid.begins(), valid.ends()).dividedBy(SHARE)));
    }
}
