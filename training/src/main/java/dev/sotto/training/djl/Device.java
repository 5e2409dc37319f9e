package dev.sotto.training.djl;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Where a model computes.
public sealed interface Device {
    /// The processor.
    record Cpu() implements Device {
        @Override
        public String toString() {
            return "cpu";
        }
    }

    /// A graphics card.
    ///
    /// @param index from 0
    record Cuda(int index) implements Device {
        @Override
        public String toString() {
            return "cuda:" + index;
        }
    }

    /// Reads `cpu`, `cuda` or `cuda:<index>`.
    ///
    /// @throws IllegalArgumentException if it is none of them
    static Device parse(String text) {
        Matcher cuda = Pattern.compile("cuda(?::(\\d{1,4}))?").matcher(text);
        if (cuda.matches()) {
            return new Cuda(cuda.group(1) == null ? 0 : Integer.parseInt(cuda.group(1)));
        }
        if (!text.equals("cpu")) {
            throw new IllegalArgumentException("device is '" + text + "', must be cpu, cuda or cuda:<index>");
        }
        return new Cpu();
    }
}
