package dev.sotto.training.data;

/// One turn of a conversation.
///
/// @param content may be empty
public record Message(Role role, String content) {
    /// Who speaks.
    public enum Role {
        /// What the assistant is told before everything else.
        SYSTEM,
        /// Who asks.
        USER,
        /// Who answers: the model.
        ASSISTANT;

        /// As chat templates name it: lower case.
        public String key() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }

    /// What a user says.
    public static Message user(String content) {
        return new Message(Role.USER, content);
    }

    /// What the assistant says.
    public static Message assistant(String content) {
        return new Message(Role.ASSISTANT, content);
    }
}
