package dev.sotto.training.checkpoint;

import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/// Which linear modules get an adapter, with PEFT's meaning. Modules are called by their whole name, as in
/// `model.layers.3.self_attn.q_proj`.
public sealed interface TargetModules {
    /// The last parts of the names that can be chosen.
    Set<String> LINEAR = Set.of("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj");

    /// PEFT's `all-linear`: every linear module of every layer.
    TargetModules ALL_LINEAR = new Names(List.copyOf(LINEAR));

    /// Whether this module gets an adapter.
    boolean include(String module);

    /// Modules whose names end in one of these, at a dot.
    ///
    /// @param names ascending; each ends in one of [#LINEAR]
    record Names(List<String> names) implements TargetModules {
        /// Sorts the names.
        ///
        /// @throws IllegalArgumentException if there is none, or one that no linear module ends in
        public Names {
            names = names.stream().distinct().sorted().toList();
            if (names.isEmpty() || !names.stream().allMatch(name -> LINEAR.contains(last(name)))) {
                throw new IllegalArgumentException("target modules are " + names + ", must end in some of "
                        + LINEAR.stream().sorted().toList());
            }
        }

        private static String last(String name) {
            return name.substring(name.lastIndexOf('.') + 1);
        }

        @Override
        public boolean include(String module) {
            return names.stream().anyMatch(name -> module.equals(name) || module.endsWith("." + name));
        }
    }

    /// Modules whose whole name matches.
    ///
    /// @param regex a regular expression that Java and Python read alike
    record Matching(String regex) implements TargetModules {
        /// Tries the expression.
        ///
        /// @throws IllegalArgumentException if it is none, or takes in the embedding or the output
        public Matching {
            for (String other : List.of("model.embed_tokens", "lm_head")) {
                if (Pattern.matches(regex, other)) {
                    throw new IllegalArgumentException("target modules '" + regex + "' match " + other
                            + ", must match linear modules of the layers only");
                }
            }
        }

        @Override
        public boolean include(String module) {
            return Pattern.matches(regex, module);
        }
    }
}
