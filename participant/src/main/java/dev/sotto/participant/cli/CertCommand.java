package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.participant.enrolment.Renewal;
import dev.sotto.participant.home.Home;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `sotto cert`: the TLS certificate.
@Command(
        name = "cert",
        description =
                "Show when this organisation's TLS certificate ends, or renew it now. A running agent renews it by"
                        + " itself when a third of its time is left, and takes one that was renewed here.",
        mixinStandardHelpOptions = true)
final class CertCommand implements Callable<Integer> {
    /// What to do.
    enum Action {
        show,
        renew
    }

    @Parameters(description = "${COMPLETION-CANDIDATES}")
    private Action action = Action.show;

    @Mixin
    private HomeOption home = new HomeOption();

    @Mixin
    private OutputOption format = new OutputOption();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        Home own = home.home();
        if (action == Action.renew) {
            new Renewal(new BouncyCastlePrimitives()).renew(own);
        }
        var out = spec.commandLine().getOut();
        Home.Validity certificate = own.certificate().orElse(null);
        if (format.json()) {
            var json = new ObjectMapper().createObjectNode().put("renewed", action == Action.renew);
            if (certificate != null) {
                json.put("begins", certificate.begins().toString())
                        .put("ends", certificate.ends().toString());
            }
            out.println(json);
        } else if (certificate == null) {
            out.println("there is no certificate in " + own.tls());
        } else {
            out.println((action == Action.renew ? "renewed; " : "") + "ends " + certificate.ends());
        }
        return 0;
    }
}
