package dev.sotto.coordinator.director;

import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.schemas.AnyPlan;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Deadlines;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RosterSealed;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SharesRouted;
import dev.sotto.schemas.SurvivorsSealed;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.UnmaskRequested;
import dev.sotto.schemas.VectorLayout;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/// Tells a board what a director would. Each decision comes ten seconds after the one before.
public final class BoardScript {
    /// How many coordinates an update has.
    public static final int COORDINATES = 1000;

    private final Board board;
    private Instant now;
    private int decisions;

    /// From that time on.
    public BoardScript(Board board, Instant start) {
        this.board = board;
        this.now = start;
    }

    /// The time of the last decision.
    public Instant now() {
        return now;
    }

    /// A round in which nothing goes wrong.
    public BoardScript round(long round, double meanLoss, String... members) {
        return opened(round, 1, members)
                .roster(members)
                .routed(members)
                .sealed(members)
                .confirmed(members)
                .closed(meanLoss, 3, members);
    }

    public BoardScript opened(long round, long attempt, String... cohort) {
        return decided(new RoundOpened(
                round,
                attempt,
                Bytes.zeros(Limits.NONCE),
                List.of(cohort),
                List.of(),
                2,
                1,
                1,
                3,
                24,
                List.of(
                        new VectorLayout(
                                "adapter",
                                true,
                                List.of(
                                        new TensorLayout("a", List.of(COORDINATES - 1), 1),
                                        new TensorLayout("b", List.of(1), 3))),
                        Scalars.layout(Weighting.CLASSES)),
                1024,
                "classes",
                new Deadlines(60, 60, 7200, 60, 60),
                Bytes.zeros(32),
                round,
                Bytes.zeros(32),
                AnyPlan.with(plan -> {}),
                Bytes.zeros(32),
                Bytes.zeros(Limits.XWING_PUBLIC_KEY),
                Bytes.zeros(32),
                Bytes.zeros(32)));
    }

    public BoardScript roster(String... members) {
        return decided(new RosterSealed(envelopes(MessageType.KEYS_ADVERTISED, members)));
    }

    public BoardScript routed(String... members) {
        return decided(new SharesRouted(hashes(members)));
    }

    public BoardScript sealed(String... members) {
        return decided(new SurvivorsSealed(hashes(members)));
    }

    public BoardScript confirmed(String... members) {
        return decided(new UnmaskRequested(envelopes(MessageType.SURVIVORS_CONFIRMED, members)));
    }

    public BoardScript closed(double meanLoss, long clipped, String... survivors) {
        now = now.plusSeconds(10);
        board.summing(now);
        board.summed(new Totals(survivors.length, 100, 100 * meanLoss, clipped, 0, 0));
        return decided(new RoundClosed(1, Bytes.zeros(32), Bytes.zeros(32), List.of(), hashes(survivors)));
    }

    /// Closed while another director was there to see the sum.
    public BoardScript closedUnseen(long version, String... survivors) {
        return decided(new RoundClosed(version, Bytes.zeros(32), Bytes.zeros(32), List.of(), hashes(survivors)));
    }

    public BoardScript aborted(String reason, String detail) {
        return decided(new RoundAborted(reason, detail, List.of(), List.of(), Optional.empty()));
    }

    public BoardScript said(String member, MessageType type) {
        board.heard(member, now);
        board.seen(member, type);
        return this;
    }

    public BoardScript declined(String member, long round, long attempt, String reason, String detail) {
        said(member, MessageType.ROUND_DECLINED);
        board.declined(new Board.Declined(member, round, attempt, reason, detail));
        return this;
    }

    public BoardScript refused(String member, String reason) {
        board.refused(member, reason);
        return this;
    }

    /// Stood where the log was after the last decision.
    public BoardScript disputed(String member, String reason) {
        board.disputed(member, reason, head(decisions));
        return this;
    }

    /// Stood where no log of ours was.
    public BoardScript disputedElsewhere(String member, String reason) {
        board.disputed(member, reason, Bytes.zeros(32));
        return this;
    }

    public BoardScript bytes(long up, long down) {
        board.bytesUp(up);
        board.bytesDown(down);
        return this;
    }

    public BoardScript enrolled(String member) {
        board.enrolled(member, now);
        return this;
    }

    private BoardScript decided(Message message) {
        now = now.plusSeconds(10);
        decisions++;
        board.decided(message, head(decisions), now);
        return this;
    }

    private static Bytes head(int decisions) {
        byte[] head = new byte[32];
        head[31] = (byte) decisions;
        return Bytes.of(head);
    }

    private static List<NamedHash> hashes(String... members) {
        return List.of(members).stream()
                .map(id -> new NamedHash(id, Bytes.zeros(32)))
                .toList();
    }

    private static List<Bytes> envelopes(MessageType type, String... members) {
        return List.of(members).stream()
                .map(id -> new Envelope(
                                type, "f", id, Bytes.zeros(32), Bytes.zeros(32), Bytes.zeros(0), Bytes.zeros(64))
                        .encode())
                .toList();
    }
}
