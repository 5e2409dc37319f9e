package dev.sotto.participant.audit;

import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.secagg.Control;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.schemas.Bytes;
import java.util.Map;
import java.util.function.Consumer;

/// What an audit reads from, and has folded when it comes to the attempts.
///
/// @param coordinator a directory with the coordinator's key
/// @param registries  by head
record Replayed(
        Primitives primitives,
        Audit.Anchor anchor,
        Log log,
        Keys keys,
        Consumer<Finding> told,
        int threads,
        Directory coordinator,
        Map<Bytes, Registry> registries,
        Control control) {}
