package dev.sotto.training.data;

import dev.sotto.training.data.Message.Role;
import java.util.List;

/// A prompt and two answers to it, of which one is preferred (Rafailov et al., 2023).
///
/// @param prompt   perhaps a system message, then user and assistant in turn, the user last
/// @param chosen   the preferred answer, without any space before it
/// @param rejected the other, likewise
public record Preference(List<Message> prompt, String chosen, String rejected) {
    /// Checks the order.
    ///
    /// @throws IllegalArgumentException naming the message that is out of order
    public Preference {
        prompt = List.copyOf(prompt);
        Conversation.requireTurns(prompt);
        if (prompt.isEmpty() || prompt.getLast().role() != Role.USER) {
            throw new IllegalArgumentException("a prompt must end with a message of the user");
        }
    }
}
