package dev.sotto.participant.cli;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.participant.agent.Versions;
import dev.sotto.participant.audit.Audit;
import dev.sotto.participant.audit.Bundle;
import dev.sotto.participant.audit.BundleWriter;
import dev.sotto.participant.audit.Finding;
import dev.sotto.participant.audit.Finding.Outcome;
import dev.sotto.participant.audit.Finding.Place;
import dev.sotto.participant.audit.KafkaLog;
import dev.sotto.participant.audit.Keys;
import dev.sotto.participant.audit.Log;
import dev.sotto.participant.audit.MemberKeys;
import dev.sotto.participant.audit.Report;
import dev.sotto.participant.audit.Vouched;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Peers;
import dev.sotto.participant.kafka.KafkaClients;
import dev.sotto.participant.kafka.Logs;
import dev.sotto.schemas.Bytes;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.function.LongPredicate;
import org.apache.kafka.common.KafkaException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `sotto audit`: replays rounds from the log.
@Command(
        name = "audit",
        description = "Replay rounds from the log and check everything that can be: signatures, survivors, the sum bit"
                + " for bit, the server's step.",
        footer =
                "Exit codes: 0 all holds, 1 a check failed (with evidence), 2 wrong usage, 3 not all could be checked.",
        mixinStandardHelpOptions = true,
        subcommands = AuditCommand.OfBundle.class)
final class AuditCommand implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final int NOT_ALL = 3;

    @Parameters(
            paramLabel = "ROUND",
            arity = "0..1",
            description = "From 0; with the attempts of it that were aborted.")
    private Optional<Long> round = Optional.empty();

    @Option(names = "--all", description = "Every round that has ended.")
    private boolean all;

    @Option(
            names = "--export",
            paramLabel = "FILE",
            description = "Also write what was read into one file, for an auditor who is not connected. It holds the"
                    + " keys of the sums and adapters of these rounds, and this organisation's signature of where the"
                    + " log ended.")
    private Optional<Path> export = Optional.empty();

    @Option(
            names = "--without-keys",
            description =
                    "Leave the keys out of FILE: signatures and survivors can be checked then, no sum and no step.")
    private boolean withoutKeys;

    @Option(
            names = "--evidence",
            paramLabel = "FILE",
            description = "Where to write what failed, and what shows it (default: HOME/evidence/audit.json).")
    private Optional<Path> evidence = Optional.empty();

    @Mixin
    private OutputOption format = new OutputOption();

    @Mixin
    private HomeOption home = new HomeOption();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        if (all == round.isPresent()) {
            throw new CommandLine.ParameterException(spec.commandLine(), "give a ROUND, or --all");
        }
        if (withoutKeys && export.isEmpty()) {
            throw new CommandLine.ParameterException(spec.commandLine(), "--without-keys needs --export");
        }
        Home own = home.home();
        Membership membership = Home.readJson(own.federation(), Membership.class);
        Map<String, Bytes> pinned = new TreeMap<>();
        Peers.read(own).pinned().forEach((id, pin) -> pinned.put(id, pin.identity()));
        Audit.Anchor anchor = new Audit.Anchor(
                membership.federation(),
                membership.coordinatorKey(),
                Bytes.fromHex(membership.publicSeed()),
                Optional.of(pinned),
                new Versions(own.models())
                        .last()
                        .filter(last -> last.version() > 0)
                        .map(last -> Bytes.fromHex(last.digest())));
        Primitives primitives = new BouncyCastlePrimitives();
        KafkaClients kafka = new KafkaClients(membership.bootstrapServers(), own.tls(), own.ca());
        Telling telling = new Telling(spec, format, anchor);
        try (Secret deliverySeed = Home.readSecret(own.delivery());
                Logs logs = new Logs(kafka.reader(PATIENCE), membership.topics(), (topic, e) -> {
                    // A record that is no message says nothing.
                })) {
            Log log = new KafkaLog(logs);
            Keys keys = new MemberKeys(primitives, membership.federation(), membership.organisation(), deliverySeed);
            LongPredicate wanted = number -> all || number == round.orElseThrow();
            Set<Long> expected = round.map(Set::of).orElse(Set.of());
            if (export.isEmpty()) {
                var _ = telling.audit(primitives, log, keys).run(wanted, expected);
            } else {
                try (BundleWriter bundle = new BundleWriter(export.get(), log, keys, !withoutKeys);
                        Secret identity = Home.readSecret(own.identity())) {
                    Audit audit = telling.audit(primitives, bundle, bundle);
                    Set<Long> rounds = audit.run(wanted, expected);
                    Vouched word = Vouched.sign(
                            primitives,
                            identity,
                            membership.federation(),
                            membership.organisation(),
                            audit.registryHead(),
                            audit.controlHead());
                    audit.end(Optional.of(word));
                    bundle.finish(anchor, rounds, word);
                }
            }
        } catch (KafkaException e) {
            spec.commandLine().getErr().println("sotto: " + kafka.explain(e).getMessage());
            return NOT_ALL;
        }
        return telling.end(evidence.orElse(own.evidence().resolve("audit.json")), export);
    }

    /// `sotto audit bundle`.
    @Command(
            name = "bundle",
            description = "Audit what a member has exported, without a connection and without being a member.",
            footer =
                    "Exit codes: 0 all holds, 1 a check failed (with evidence), 2 wrong usage, 3 not all could be checked.",
            mixinStandardHelpOptions = true)
    static final class OfBundle implements Callable<Integer> {
        @Parameters(paramLabel = "FILE", description = "As `sotto audit --export` wrote it.")
        private Path file = Path.of("");

        @Option(
                names = "--coordinator",
                paramLabel = "FINGERPRINT",
                required = true,
                description = "Of the coordinator's identity key, from the coordinator's operator or a member that you"
                        + " trust, and not from whoever gave you FILE: 64 hexadecimal digits; spaces and colons do not"
                        + " matter.")
        private String coordinator = "";

        @Option(
                names = "--evidence",
                paramLabel = "FILE",
                description = "Where to write what failed, and what shows it (default: beside the bundle, with"
                        + " .evidence.json).")
        private Optional<Path> evidence = Optional.empty();

        @Mixin
        private OutputOption format = new OutputOption();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws Exception {
            try (Bundle bundle = Bundle.open(file)) {
                Audit.Anchor anchor = bundle.description().anchor();
                Bytes fingerprint = Enc.sha256(anchor.coordinatorKey());
                if (!Fingerprints.isTyped(coordinator, fingerprint)) {
                    throw new InvalidFile(
                            file,
                            "is of a coordinator with fingerprint " + Fingerprints.grouped(fingerprint)
                                    + ", not of the one given");
                }
                Telling telling = new Telling(spec, format, anchor);
                Set<Long> rounds = Set.copyOf(bundle.description().rounds());
                Audit audit = telling.audit(new BouncyCastlePrimitives(), bundle, bundle);
                var _ = audit.run(rounds::contains, rounds);
                audit.end(bundle.vouched());
                Path beside = file.resolveSibling(file.getFileName() + ".evidence.json");
                return telling.end(evidence.orElse(beside), Optional.empty());
            }
        }
    }

    /// Prints findings as they come, or all at the end.
    private static final class Telling {
        private final OutputOption format;
        private final Audit.Anchor anchor;
        private final Report report;
        private final PrintWriter out;
        private Optional<Place> place = Optional.empty();

        Telling(CommandSpec spec, OutputOption format, Audit.Anchor anchor) {
            this.format = format;
            this.anchor = anchor;
            this.report = new Report(anchor);
            this.out = spec.commandLine().getOut();
        }

        Audit audit(Primitives primitives, Log log, Keys keys) {
            if (!format.json()) {
                out.println("federation " + anchor.federation() + ", coordinator "
                        + Fingerprints.grouped(Enc.sha256(anchor.coordinatorKey())));
            }
            int threads = Runtime.getRuntime().availableProcessors();
            return new Audit(primitives, anchor, log, keys, this::tell, threads);
        }

        private void tell(Finding finding) {
            report.add(finding);
            if (format.json()) {
                return;
            }
            if (!finding.place().equals(place)) {
                place = finding.place();
                place.ifPresent(at -> out.println("round " + at.round() + " attempt " + at.attempt()));
            }
            out.println(String.format(
                    Locale.ROOT,
                    "%-11s  %-13s  %s",
                    word(finding.outcome()),
                    finding.check().wireName(),
                    finding.detail()));
            out.flush();
        }

        private static String word(Outcome outcome) {
            return switch (outcome) {
                case PASSED -> "ok";
                case FAILED -> "FAILED";
                case UNCHECKED -> "not checked";
            };
        }

        int end(Path evidence, Optional<Path> exported) throws IOException {
            boolean failed = report.outcome() == Outcome.FAILED;
            if (failed) {
                report.writeEvidence(evidence);
            }
            if (format.json()) {
                var json = report.json();
                if (failed) {
                    json.put("evidence", evidence.toString());
                }
                exported.ifPresent(file -> json.put("bundle", file.toString()));
                out.println(json);
            } else {
                out.println(report.rounds().size() + " rounds: " + report.count(Outcome.PASSED) + " checks hold, "
                        + report.count(Outcome.FAILED) + " failed, " + report.count(Outcome.UNCHECKED)
                        + " could not be made.");
                if (failed) {
                    out.println("What failed, and what shows it: " + evidence);
                }
                exported.ifPresent(file -> out.println("For an auditor: " + file));
            }
            return switch (report.outcome()) {
                case PASSED -> 0;
                case FAILED -> 1;
                case UNCHECKED -> NOT_ALL;
            };
        }
    }
}
