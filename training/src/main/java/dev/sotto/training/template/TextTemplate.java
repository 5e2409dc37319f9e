package dev.sotto.training.template;

import dev.sotto.training.data.Conversation;
import dev.sotto.training.data.Message;
import dev.sotto.training.data.Message.Role;
import dev.sotto.training.template.Rendered.Span;
import java.util.ArrayList;
import java.util.List;

/// Alpaca's and Vicuna's templates, character for character as OpenFedLLM has them (its `utils/template.py` for
/// supervised fine-tuning, and FastChat's conversations in `utils/conversation.py` for preferences).
///
/// The two differ for Alpaca: `### Instruction:\n{} \n\n### Response: {}` when a conversation is one
/// instruction and its response, `### Instruction: {}\n\n### Response: {}` in conversations of several turns and in
/// preferences. For Vicuna they are the same. A system message takes the place of the template's own sentence.
public final class TextTemplate implements Template {
    private final String system;
    private final String afterSystem;
    private final String user;
    private final String assistant;
    private final String afterUser;
    private final boolean alpaca;
    private final String end;

    private TextTemplate(
            String system,
            String afterSystem,
            String user,
            String assistant,
            String afterUser,
            boolean alpaca,
            String end) {
        this.system = system;
        this.afterSystem = afterSystem;
        this.user = user;
        this.assistant = assistant;
        this.afterUser = afterUser;
        this.alpaca = alpaca;
        this.end = end;
    }

    /// Alpaca's.
    ///
    /// @param end the model's end token, as it is written out: `</s>`
    public static TextTemplate alpaca(String end) {
        return new TextTemplate(
                "Below is an instruction that describes a task. Write a response that appropriately completes the"
                        + " request.",
                "\n\n",
                "### Instruction: ",
                "### Response:",
                "\n\n",
                true,
                end);
    }

    /// Vicuna's, version 1.1.
    ///
    /// @param end the model's end token, as it is written out: `</s>`
    public static TextTemplate vicuna(String end) {
        return new TextTemplate(
                "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful,"
                        + " detailed, and polite answers to the user's questions.",
                " ",
                "USER: ",
                "ASSISTANT:",
                " ",
                false,
                end);
    }

    @Override
    public Rendered render(Conversation conversation) {
        List<Message> messages = conversation.messages();
        if (alpaca && messages.size() == 2) {
            String prompt = prompt(messages.subList(0, 1));
            String text = prompt + " " + messages.getLast().content() + end;
            return new Rendered(text, List.of(new Span(prompt.length(), text.length())));
        }
        StringBuilder text = new StringBuilder();
        List<Span> learned = new ArrayList<>();
        for (int i = 0; i < messages.size(); i++) {
            append(text, messages, i, learned);
        }
        return new Rendered(text.toString(), learned);
    }

    @Override
    public String prompt(List<Message> messages) {
        if (alpaca && messages.size() == 1) {
            return system + afterSystem + "### Instruction:\n"
                    + messages.getFirst().content() + " \n\n" + assistant;
        }
        return conversationPrompt(messages);
    }

    @Override
    public Turn turn(List<Message> messages, String answer) {
        return new Turn(conversationPrompt(messages), " " + answer + end);
    }

    private String conversationPrompt(List<Message> messages) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < messages.size(); i++) {
            append(text, messages, i, new ArrayList<>());
        }
        return text.append(assistant).toString();
    }

    private void append(StringBuilder text, List<Message> messages, int at, List<Span> learned) {
        Message message = messages.get(at);
        if (at == 0) {
            text.append(message.role() == Role.SYSTEM ? message.content() : system)
                    .append(afterSystem);
        }
        switch (message.role()) {
            case SYSTEM -> {}
            case USER -> text.append(user).append(message.content()).append(afterUser);
            case ASSISTANT -> {
                text.append(assistant);
                int start = text.length();
                text.append(' ').append(message.content()).append(end);
                learned.add(new Span(start, text.length()));
            }
        }
    }

    @Override
    public boolean begins() {
        return false;
    }
}
