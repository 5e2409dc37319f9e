package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.participant.doctor.Doctor;
import dev.sotto.participant.doctor.Finding;
import java.io.PrintWriter;
import java.time.Clock;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `sotto doctor`: what keeps this organisation from taking part.
@Command(
        name = "doctor",
        description =
                "Check everything that rounds need: folder, secrets, policy, certificate, disk, clock, coordinator,"
                        + " broker, registry, topics, base model, data, device. Says what is wrong and what to do. Changes nothing,"
                        + " and may run beside the agent. Ends with 1 if something failed.",
        mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
    @Mixin
    private HomeOption home = new HomeOption();

    @Mixin
    private OutputOption format = new OutputOption();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        List<Finding> findings = new Doctor(home.home(), new BouncyCastlePrimitives(), Clock.systemUTC()).examine();
        PrintWriter out = spec.commandLine().getOut();
        if (format.json()) {
            ObjectNode json = JsonNodeFactory.instance.objectNode();
            ArrayNode all = json.putArray("findings");
            findings.forEach(finding -> all.addObject()
                    .put("check", finding.check())
                    .put("level", level(finding))
                    .put("said", finding.said())
                    .put("todo", finding.todo()));
            out.println(json);
        } else {
            findings.forEach(finding -> {
                out.println(String.format("%-8s %-12s %s", level(finding), finding.check(), finding.said()));
                if (!finding.todo().isEmpty()) {
                    out.println(" ".repeat(22) + finding.todo());
                }
            });
        }
        return findings.stream().anyMatch(finding -> finding.level() == Finding.Level.FAILED) ? 1 : 0;
    }

    private static String level(Finding finding) {
        return finding.level().name().toLowerCase(Locale.ROOT);
    }
}
