package dev.sotto.training.data;

import dev.sotto.training.data.Message.Role;
import java.util.List;

/// A conversation to learn the assistant's turns of: perhaps a system message, then user and assistant in
/// turn, the assistant last. An instruction with its response is one of two messages.
public record Conversation(List<Message> messages) {
    /// Checks the order.
    ///
    /// @throws IllegalArgumentException naming the message that is out of order
    public Conversation {
        messages = List.copyOf(messages);
        requireTurns(messages);
        if (messages.isEmpty() || messages.getLast().role() != Role.ASSISTANT) {
            throw new IllegalArgumentException("a conversation must end with a message of the assistant");
        }
    }

    /// An instruction and its response.
    public static Conversation of(String instruction, String response) {
        return new Conversation(List.of(Message.user(instruction), Message.assistant(response)));
    }

    static void requireTurns(List<Message> messages) {
        int first = !messages.isEmpty() && messages.getFirst().role() == Role.SYSTEM ? 1 : 0;
        for (int i = first; i < messages.size(); i++) {
            Role expected = (i - first) % 2 == 0 ? Role.USER : Role.ASSISTANT;
            if (messages.get(i).role() != expected) {
                throw new IllegalArgumentException("message " + (i + 1) + " is the "
                        + messages.get(i).role().key() + "'s, must be the " + expected.key() + "'s");
            }
        }
    }
}
