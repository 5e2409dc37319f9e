package dev.sotto.training.template;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Conversation;
import dev.sotto.training.data.Message;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/// How a conversation is written for a model. Immutable.
public sealed interface Template permits TextTemplate, ChatTemplate {
    /// What [#named] knows.
    List<String> NAMES = List.of("alpaca", "vicuna", "chat");

    /// A template by its name, for the model of a checkpoint folder: `alpaca`, `vicuna`, or `chat`, the model's own.
    ///
    /// @throws IllegalArgumentException if there is none of that name, saying which there are
    /// @throws InvalidFile              if the folder lacks what the template needs: its end token, or a
    ///   chat template that can be used
    static Template named(String name, Path folder) throws IOException, InvalidFile {
        return switch (name) {
            case "alpaca" -> TextTemplate.alpaca(SpecialTokens.read(folder).end());
            case "vicuna" -> TextTemplate.vicuna(SpecialTokens.read(folder).end());
            case "chat" -> ChatTemplate.read(folder);
            default -> throw new IllegalArgumentException("template is '" + name + "', must be one of " + NAMES);
        };
    }

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
