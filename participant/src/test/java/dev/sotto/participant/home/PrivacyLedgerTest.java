package dev.sotto.participant.home;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.participant.home.PrivacyLedger.Training;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.privacy.RenyiCurve;
import dev.sotto.training.privacy.SampledGaussian;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Locale;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PrivacyLedgerTest {
    private static final double DELTA = 1e-5;

    @TempDir
    Path folder;

    private Home home = new Home(Path.of(""));

    @BeforeEach
    void home() {
        home = new Home(folder);
    }

    private static Training training(long round, long attempt, double noise) {
        return new Training(round, attempt, 10, 8, 100, noise);
    }

    /// Whatever happens after a training began, the next process finds it charged; nobody else reads it.
    @Test
    void charge_isOnTheDiskBeforeItReturns_withMode0600() throws Exception {
        PrivacyLedger ledger = PrivacyLedger.read(home);
        assertThat(ledger.epsilon(DELTA)).isZero();
        var _ = ledger.charge(home, training(0, 1, 1)).charge(home, training(0, 2, 1));
        PrivacyLedger found = PrivacyLedger.read(home);
        assertThat(found.trainings()).containsExactly(training(0, 1, 1), training(0, 2, 1));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(home.privacy())))
                .isEqualTo("rw-------");
    }

    /// Failed attempts count as much as others, and noise may have changed between trainings.
    @Test
    void epsilon_isThatOfAllTrainingsComposed() throws Exception {
        PrivacyLedger ledger = PrivacyLedger.read(home)
                .charge(home, training(0, 1, 1))
                .charge(home, training(0, 2, 2))
                .charge(home, training(1, 1, 1));
        double expected = RenyiCurve.of(new SampledGaussian(0.08, 1), 20)
                .plus(RenyiCurve.of(new SampledGaussian(0.08, 2), 10))
                .epsilon(DELTA);
        assertThat(ledger.epsilon(DELTA)).isCloseTo(expected, within(1e-12));
        assertThat(PrivacyLedger.read(home).epsilon(DELTA)).isCloseTo(expected, within(1e-12));
    }

    @Test
    void training_beyondTheBudget_isRefusedWithWhatIsSpentAndAllowed() throws Exception {
        PrivacyLedger ledger = PrivacyLedger.read(home);
        Policy.Privacy privacy = new Policy.Privacy(1, 1, DELTA, 4);
        int taken = 0;
        while (ledger.refuses(privacy, training(taken, 1, 1)).isEmpty()) {
            ledger = ledger.charge(home, training(taken, 1, 1));
            assertThat(ledger.epsilon(DELTA)).isLessThanOrEqualTo(4);
            taken++;
        }
        assertThat(taken).isBetween(1, 100);
        String spent = String.format(Locale.ROOT, "%.3f are spent", ledger.epsilon(DELTA));
        assertThat(PrivacyLedger.read(home).refuses(privacy, training(taken, 1, 1)))
                .hasValueSatisfying(
                        why -> assertThat(why).contains("would cost epsilon 4.", spent, "privacy.mostEpsilon is 4.0"));
        assertThat(ledger.refuses(new Policy.Privacy(1, 1, DELTA, 5), training(taken, 1, 1)))
                .isEmpty();
    }

    @Test
    void delta_thatAllowsToPublishARecord_isRefused() throws Exception {
        assertThat(PrivacyLedger.read(home).refuses(new Policy.Privacy(1, 1, 0.01, 100), training(0, 1, 1)))
                .hasValueSatisfying(
                        why -> assertThat(why).contains("privacy.delta 0.01 is not below one over the 100 examples"));
    }

    @Test
    void file_thatIsDamaged_isNotTakenForEmpty() throws Exception {
        var _ = PrivacyLedger.read(home).charge(home, training(0, 1, 1));
        String whole = Files.readString(home.privacy());
        for (String bad : new String[] {
            "", "{", "{}", whole.replace("1.0", "0.0"), whole.replace("\"steps\" : 10", "\"steps\" : 0")
        }) {
            Files.writeString(home.privacy(), bad);
            assertThatThrownBy(() -> PrivacyLedger.read(home))
                    .as(bad)
                    .isInstanceOf(InvalidFile.class)
                    .hasMessageContaining("privacy.json");
        }
    }
}
