package dev.sotto.training.template;

import dev.sotto.training.data.Conversation;
import dev.sotto.training.data.Message;
import java.util.List;

/// How a conversation is written for a model. Immutable.
public sealed interface Template permits TextTemplate, ChatTemplate {
    /// The text to train on. Learned are the assistant's turns, each with what ends it.
    ///
    /// @throws TemplateRefused if the conversation cannot be written so
    Rendered render(Conversation conversation) throws TemplateRefused;

    /// The text that a model continues with the assistant's answer.
    ///
    /// @param messages the last is the user's
    /// @throws TemplateRefused if they cannot be written so
    String prompt(List<Message> messages) throws TemplateRefused;

    /// A prompt and an answer to it, for preferences: one after the other they are the whole text.
    ///
    /// @param prompt with what introduces the answer
    /// @param answer with what ends it
    record Turn(String prompt, String answer) {}

    /// The last turn of a conversation, for training on preferences.
    ///
    /// @param messages the last is the user's
    /// @throws TemplateRefused if they cannot be written so
    Turn turn(List<Message> messages, String answer) throws TemplateRefused;

    /// Whether the text writes out its own begin token; else the tokenizer's is put before it.
    boolean begins();
}
