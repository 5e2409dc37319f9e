package dev.sotto.training.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.StringReader;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;

/// Charts are well-formed and put points where they belong.
class ChartTest {
    private static Document parsed(Chart chart) throws Exception {
        return DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new InputSource(new StringReader(chart.svg())));
    }

    private static double attribute(Document svg, int circle, String name) {
        return Double.parseDouble(((Element) svg.getElementsByTagName("circle").item(circle)).getAttribute(name));
    }

    @Test
    void linear_points_areInProportion() throws Exception {
        Document svg = parsed(Chart.of(
                "a < b & c",
                "loss",
                "step",
                List.of(new Chart.Line(
                        "<run>",
                        0,
                        false,
                        List.of(new Chart.Point(0, 4), new Chart.Point(1, 2), new Chart.Point(3, 3))))));
        assertThat(attribute(svg, 1, "cx") - attribute(svg, 0, "cx"))
                .isCloseTo((attribute(svg, 2, "cx") - attribute(svg, 0, "cx")) / 3, within(0.2));
        assertThat(attribute(svg, 2, "cy"))
                .isCloseTo((attribute(svg, 0, "cy") + attribute(svg, 1, "cy")) / 2, within(0.2));
        assertThat(attribute(svg, 0, "cy")).isLessThan(attribute(svg, 1, "cy"));
    }

    @Test
    void logarithmic_points_areInRatio() throws Exception {
        Document svg = parsed(new Chart(
                "t",
                List.of(List.of(new Chart.Panel(
                        "y",
                        "x",
                        Chart.Scale.LOGARITHMIC,
                        Chart.Scale.LOGARITHMIC,
                        List.of(new Chart.Line(
                                "l",
                                1,
                                true,
                                List.of(
                                        new Chart.Point(1, 10),
                                        new Chart.Point(10, 100),
                                        new Chart.Point(100, 1000)))))))));
        assertThat(2 * attribute(svg, 1, "cx"))
                .isCloseTo(attribute(svg, 0, "cx") + attribute(svg, 2, "cx"), within(0.3));
        assertThat(2 * attribute(svg, 1, "cy"))
                .isCloseTo(attribute(svg, 0, "cy") + attribute(svg, 2, "cy"), within(0.3));
    }

    @Test
    void onePoint_orManyEqualOnes_stillDraw() throws Exception {
        for (List<Chart.Point> points :
                List.of(List.of(new Chart.Point(1, 0)), List.of(new Chart.Point(1, 5), new Chart.Point(2, 5)))) {
            Document svg = parsed(Chart.of("t", "y", "x", List.of(new Chart.Line("l", 0, false, points))));
            assertThat(attribute(svg, 0, "cy")).isFinite();
            assertThat(svg.getElementsByTagName("text").getLength()).isBetween(5, 30);
        }
    }
}
