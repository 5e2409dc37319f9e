package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.participant.enrolment.Enroller;
import dev.sotto.participant.enrolment.Invite;
import dev.sotto.schemas.Bytes;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
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

    @Mixin
    private HomeOption home = new HomeOption();

    @Mixin
    private OutputOption format = new OutputOption();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        Invite parsed = Invite.parse(invite);
        Bytes fingerprint = new Enroller(new BouncyCastlePrimitives(), Randomness.secure()).enrol(parsed, home.home());
        var out = spec.commandLine().getOut();
        if (format.json()) {
            out.println(new ObjectMapper()
                    .createObjectNode()
                    .put("organisation", parsed.organisation())
                    .put("federation", parsed.federation())
                    .put("fingerprint", fingerprint.hex()));
        } else {
            out.println(parsed.organisation() + " is a member of " + parsed.federation() + "; keys in "
                    + home.home().path());
            out.println("fingerprint  " + Fingerprints.grouped(fingerprint));
            out.println("Read it to the other members by telephone, and approve theirs: sotto peers list");
        }
        return 0;
    }
}
