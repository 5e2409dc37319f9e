package dev.sotto.sandbox.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.StringJoiner;

/// `report.html`: one file, no requests to anywhere, a table beside each chart.
public final class Page {
    private static final List<String> PHASES =
            List.of("keys", "shares", "training", "confirmation", "reveal", "closing");
    private static final String STYLE = """
            :root{--fg:#1b1f24;--bg:#fff;--soft:#59636e;--line:#d8dee4;
              --c0:#2463b8;--c1:#b3541e;--c2:#2f7d4f;--c3:#8a4fa3;--c4:#8a6d00;--c5:#59636e}
            @media(prefers-color-scheme:dark){:root{--fg:#e6e9ed;--bg:#14171b;--soft:#9aa4af;--line:#343b43;
              --c0:#6aa5f0;--c1:#e08b58;--c2:#66b98a;--c3:#c08ad8;--c4:#d0b040;--c5:#9aa4af}}
            body{margin:2rem auto;max-width:70rem;padding:0 1.2rem;color:var(--fg);background:var(--bg);
              font:15px/1.5 system-ui,sans-serif}
            h1{font-size:1.5rem;margin:0 0 .2rem}h2{font-size:1.05rem;margin:2.2rem 0 .6rem}
            p{margin:.3rem 0;max-width:60rem}p.soft{color:var(--soft)}
            section>div{display:grid;grid-template-columns:minmax(0,4fr) minmax(0,3fr);gap:1.6rem;align-items:start}
            @media(max-width:50rem){section>div{grid-template-columns:minmax(0,1fr)}}
            svg{width:100%;height:auto}svg text{fill:var(--fg);font-size:12px;font-family:system-ui,sans-serif}
            .grid{stroke:var(--line)}.s0{stroke:var(--c0);stroke-width:2}
            .c0{fill:var(--c0)}.c1{fill:var(--c1)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}.c4{fill:var(--c4)}.c5{fill:var(--c5)}
            table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
            th,td{padding:.22rem .25rem;border-bottom:1px solid var(--line);text-align:right;font-weight:400}
            th:first-child{text-align:left}thead th{color:var(--soft)}
            """;

    private Page() {}

    /// The page.
    public static String of(Report report) {
        StringBuilder html = new StringBuilder("<!doctype html><html lang='en'><meta charset='utf-8'>")
                .append("<meta name='viewport' content='width=device-width'><title>Sotto demo</title><style>")
                .append(STYLE)
                .append("</style><h1>Sotto demo</h1>");
        paragraph(html, "", summary(report));
        paragraph(html, "soft", parameters(report));
        accuracy(html, report);
        loss(html, report);
        time(html, report);
        bytes(html, report);
        dropouts(html, report);
        exactness(html, report);
        return html.append("</html>\n").toString();
    }

    private static String summary(Report report) {
        double best = report.evaluation().alone().values().stream()
                .mapToDouble(Report.Score::accuracy)
                .max()
                .orElse(0);
        return String.format(
                Locale.ROOT,
                "%d organisations trained one adapter in %d rounds without showing each other any data or any update. On"
                        + " %d held-out examples it has an accuracy of %.1f %%; the best organisation alone reaches"
                        + " %.1f %%, an adapter trained on everybody's data together %.1f %%.",
                report.organisations().size(),
                report.rounds().size(),
                report.evaluation().examples(),
                100 * report.evaluation().federated().accuracy(),
                100 * best,
                100 * report.evaluation().pooled().accuracy());
    }

    private static String parameters(Report report) {
        StringJoiner all = new StringJoiner(" · ");
        all.add(report.algorithm());
        report.parameters().forEach((name, value) -> all.add(name + " " + value));
        return all.toString();
    }

    private static void accuracy(StringBuilder html, Report report) {
        List<Chart.Bar> bars = new ArrayList<>();
        List<List<String>> rows = new ArrayList<>();
        Report.Evaluation scores = report.evaluation();
        add(bars, rows, "base model", scores.base(), 5);
        scores.alone().forEach((id, score) -> add(bars, rows, id + " alone", score, 1));
        add(bars, rows, "federated", scores.federated(), 0);
        add(bars, rows, "pooled data", scores.pooled(), 2);
        section(
                html,
                "Accuracy on held-out examples of all categories",
                Chart.bars("Accuracy per adapter, in percent", bars, "%.1f %%"),
                Chart.table(List.of("adapter", "loss", "accuracy"), rows));
    }

    private static void add(
            List<Chart.Bar> bars, List<List<String>> rows, String name, Report.Score score, int colour) {
        bars.add(new Chart.Bar(name, 100 * score.accuracy(), colour));
        rows.add(List.of(
                name,
                String.format(Locale.ROOT, "%.4f", score.loss()),
                String.format(Locale.ROOT, "%.1f %%", 100 * score.accuracy())));
    }

    private static void loss(StringBuilder html, Report report) {
        List<Double> losses = report.rounds().stream()
                .map(round -> round.path("meanLoss").asDouble())
                .toList();
        List<List<String>> rows = new ArrayList<>();
        for (JsonNode round : report.rounds()) {
            rows.add(List.of(
                    number(round),
                    String.format(Locale.ROOT, "%.4f", round.path("meanLoss").asDouble()),
                    round.path("modelDigest").asText().substring(0, 16)));
        }
        section(
                html,
                "Training loss per round, weighted mean over the survivors",
                Chart.line("Mean training loss per round", losses, "%.2f"),
                Chart.table(List.of("round", "loss", "digest"), rows));
    }

    private static void time(StringBuilder html, Report report) {
        List<Chart.Stack> stacks = new ArrayList<>();
        List<List<String>> rows = new ArrayList<>();
        for (JsonNode round : report.rounds()) {
            List<Double> parts = PHASES.stream()
                    .map(phase -> round.path("phases").path(phase).asDouble())
                    .toList();
            stacks.add(new Chart.Stack("round " + number(round), parts));
            List<String> row = new ArrayList<>(List.of(number(round)));
            parts.forEach(seconds -> row.add(String.format(Locale.ROOT, "%.1f", seconds)));
            rows.add(row);
        }
        List<String> head = new ArrayList<>(List.of("round"));
        head.addAll(PHASES);
        section(
                html,
                "Seconds per phase",
                Chart.stacks("Seconds per round and phase", PHASES, stacks, "%.1f s"),
                Chart.table(head, rows));
    }

    private static void bytes(StringBuilder html, Report report) {
        List<Chart.Stack> stacks = new ArrayList<>();
        List<List<String>> rows = new ArrayList<>();
        for (JsonNode round : report.rounds()) {
            double up = round.path("bytesUp").asDouble() / 1e6;
            double down = round.path("bytesDown").asDouble() / 1e6;
            stacks.add(new Chart.Stack("round " + number(round), List.of(up, down)));
            rows.add(List.of(
                    number(round),
                    String.format(Locale.ROOT, "%.2f MB", up),
                    String.format(Locale.ROOT, "%.2f MB", down)));
        }
        section(
                html,
                "Bytes per round: sent by the members together, and written for them by the coordinator",
                Chart.stacks("Megabytes per round", List.of("up", "down"), stacks, "%.2f MB"),
                Chart.table(List.of("round", "up", "down"), rows));
    }

    private static void dropouts(StringBuilder html, Report report) {
        List<Chart.Stack> stacks = new ArrayList<>();
        List<List<String>> rows = new ArrayList<>();
        for (JsonNode round : report.rounds()) {
            StringJoiner lost = new StringJoiner(", ");
            round.path("dropped")
                    .forEach(drop -> lost.add(drop.path("organisation").asText() + " during "
                            + drop.path("phase").asText()));
            stacks.add(new Chart.Stack(
                    "round " + number(round),
                    List.of((double) round.path("survivors").size(), (double)
                            round.path("dropped").size())));
            rows.add(List.of(
                    number(round), String.valueOf(round.path("survivors").size()), lost.toString()));
        }
        section(
                html,
                "Who was in the sum",
                Chart.stacks("Members per round", List.of("survived", "dropped"), stacks, "%.0f"),
                Chart.table(List.of("round", "survivors", "dropped"), rows));
    }

    private static void exactness(StringBuilder html, Report report) {
        Report.Aggregation a = report.aggregation();
        html.append("<h2>How exact the masked sum is</h2>");
        paragraph(
                html,
                "",
                String.format(
                        Locale.ROOT,
                        "Over all coordinates and rounds the masked mean was %s. Words have %d bits; each member sent"
                                + " %.3f bytes per parameter and round.",
                        a.sentence(),
                        a.ringBits(),
                        a.bytesPerParameter()));
    }

    private static String number(JsonNode round) {
        return String.valueOf(round.path("round").asLong() + 1);
    }

    private static void section(StringBuilder html, String title, String chart, String table) {
        html.append("<section><h2>")
                .append(Chart.escape(title))
                .append("</h2><div>")
                .append(chart)
                .append(table)
                .append("</div></section>");
    }

    private static void paragraph(StringBuilder html, String style, String text) {
        html.append("<p class='")
                .append(style)
                .append("'>")
                .append(Chart.escape(text))
                .append("</p>");
    }
}
