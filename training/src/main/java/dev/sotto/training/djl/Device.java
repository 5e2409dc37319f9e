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

    /// A graphics card. PyTorch's attention adds up its gradient there in no fixed order: trainings of one seed differ
    /// in last bits.
    ///
    /// @param index from 0
    record Cuda(int index) implements Device {
        @Override
        public String toString() {
            return "cuda:" + index;
        }
    }

    /// Reads `cpu`, `cuda` or `cuda:<index>`; `auto` is the first graphics card where PyTorch sees one, else the
    /// processor.
    ///
    /// @throws IllegalArgumentException if it is none of them
    /// @throws NativeLibraryUnavailable if PyTorch, which `auto` asks, cannot be started here
    static Device parse(String text) throws NativeLibraryUnavailable {
        Matcher cuda = Pattern.compile("cuda(?::(\\d{1,4}))?").matcher(text);
        if (cuda.matches()) {
            return new Cuda(cuda.group(1) == null ? 0 : Integer.parseInt(cuda.group(1)));
        }
        return switch (text) {
            case "auto" -> Loader.seesCard() ? new Cuda(0) : new Cpu();
            case "cpu" -> new Cpu();
            default ->
                throw new IllegalArgumentException("device is '" + text + "', must be auto, cpu, cuda or cuda:<index>");
        };
    }

    /// Makes sure that PyTorch computes on it here.
    ///
    /// @throws NativeLibraryUnavailable if not, with what there is instead
    default void require() throws NativeLibraryUnavailable {
        Loader.require(this);
    }
}
