package dev.sotto.coordinator.director;

import java.util.List;

/// What a replica that directs shows of the federation.
///
/// @param members who is and was one
/// @param ready   whether time passes for it
public record Overview(Board board, List<Member> members, boolean ready) {
    /// Copies the list.
    public Overview {
        members = List.copyOf(members);
    }
}
