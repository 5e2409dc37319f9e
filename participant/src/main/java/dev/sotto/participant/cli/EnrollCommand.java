package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.participant.enrolment.Enroller;
import dev.sotto.participant.enrolment.Invite;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.schemas.Bytes;
import java.nio.file.Files;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `sotto enroll`: makes this organisation's keys and becomes a member.
@Command(
        name = "enroll",
        description = "Become a member of a federation: keys are made here and stay here.",
        mixinStandardHelpOptions = true)
final class EnrollCommand implements Callable<Integer> {
    @Parameters(paramLabel = "INVITE", description = "As the federation's administrator sent it.")
    private String invite = "";

    @Option(
            names = "--unless-member",
            description =
                    "Where the folder belongs to a member already, say so and succeed; the invite is not looked at.")
    private boolean unlessMember;

    @Mixin
    private HomeOption home = new HomeOption();

    @Mixin
    private OutputOption format = new OutputOption();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        Home own = home.home();
        if (unlessMember && Files.exists(own.federation())) {
            Membership membership = Home.readJson(own.federation(), Membership.class);
            spec.commandLine()
                    .getErr()
                    .println(membership.organisation() + " is a member of " + membership.federation() + " already");
            return 0;
        }
        Invite parsed = Invite.parse(invite);
        Bytes fingerprint = new Enroller(new BouncyCastlePrimitives(), Randomness.secure()).enrol(parsed, own);
        var out = spec.commandLine().getOut();
        if (format.json()) {
            out.println(new ObjectMapper()
                    .createObjectNode()
                    .put("organisation", parsed.organisation())
                    .put("federation", parsed.federation())
                    .put("fingerprint", fingerprint.hex()));
        } else {
            out.println(parsed.organisation() + " is a member of " + parsed.federation() + "; keys in " + own.path());
            out.println("fingerprint  " + Fingerprints.grouped(fingerprint));
            out.println("Read it to the other members by telephone, and approve theirs: sotto peers list");
        }
        return 0;
    }
}
