/// Rounds replayed from the logs, by anyone: what happened, and whether it is what was said (protocol §5, "Anyone in
/// the federation may recompute").
@NullMarked
package dev.sotto.participant.audit;

import org.jspecify.annotations.NullMarked;
