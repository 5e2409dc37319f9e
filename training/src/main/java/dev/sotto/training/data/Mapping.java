package dev.sotto.training.data;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sotto.training.data.Message.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// From the fields of a data set's records to what is trained on: a [Conversation] or a [Preference].
public sealed interface Mapping<T> {
    /// What a record holds.
    ///
    /// @throws BadRecord if a field is missing or not as it must be
    T map(JsonNode record) throws BadRecord;

    /// Whether of records with the same first user's message only the first counts.
    default boolean distinct() {
        return false;
    }

    /// This mapping, if it gives conversations.
    ///
    /// @throws IllegalArgumentException if it gives preferences
    default Mapping<Conversation> conversations() {
        return switch (this) {
            case Instruction instruction -> instruction;
            case Dialogue dialogue -> dialogue;
            case Pair pair -> throw new IllegalArgumentException("the data set holds preferences, not conversations");
            case Transcripts transcripts ->
                throw new IllegalArgumentException("the data set holds preferences, not conversations");
        };
    }

    /// This mapping, if it gives preferences.
    ///
    /// @throws IllegalArgumentException if it gives conversations
    default Mapping<Preference> preferences() {
        return switch (this) {
            case Pair pair -> pair;
            case Transcripts transcripts -> transcripts;
            case Instruction instruction ->
                throw new IllegalArgumentException("the data set holds conversations, not preferences");
            case Dialogue dialogue ->
                throw new IllegalArgumentException("the data set holds conversations, not preferences");
        };
    }

    /// An instruction and its response.
    ///
    /// @param instruction    parts, of which the first must not be blank and the others may be missing; empty
    ///   ones are left out
    /// @param separator      between the parts
    /// @param response       the answer
    /// @param blankResponses whether an answer may be blank
    /// @param distinct       whether only the first record of an instruction counts
    record Instruction(
            List<Field> instruction, String separator, Field response, boolean blankResponses, boolean distinct)
            implements Mapping<Conversation> {
        @Override
        public Conversation map(JsonNode record) throws BadRecord {
            StringBuilder asked = new StringBuilder(filled(instruction.getFirst(), record));
            for (Field field : instruction.subList(1, instruction.size())) {
                String part = field.in(record).isMissingNode() ? "" : field.text(record);
                asked.append(part.isEmpty() ? "" : separator + part);
            }
            return Conversation.of(asked.toString(), blankResponses ? response.text(record) : filled(response, record));
        }
    }

    /// A list of messages.
    ///
    /// @param messages the list
    /// @param role     in a message: who speaks
    /// @param content  in a message: what is said
    /// @param roles    how the data set names the roles
    record Dialogue(Field messages, Field role, Field content, Map<String, Role> roles)
            implements Mapping<Conversation> {
        @Override
        public Conversation map(JsonNode record) throws BadRecord {
            try {
                return new Conversation(Mapping.turns(record, messages, role, content, roles));
            } catch (IllegalArgumentException e) {
                throw new BadRecord(messages + ": " + e.getMessage());
            }
        }
    }

    /// A prompt, as a text or a list of messages with `role` and `content`, and two answers.
    record Pair(Field prompt, Field chosen, Field rejected) implements Mapping<Preference> {
        private static final Field ROLE = Field.parse("role");
        private static final Field CONTENT = Field.parse("content");

        @Override
        public Preference map(JsonNode record) throws BadRecord {
            List<Message> asked = prompt.in(record).isArray()
                    ? Mapping.turns(record, prompt, ROLE, CONTENT, Datasets.ROLES)
                    : List.of(Message.user(filled(prompt, record)));
            try {
                return new Preference(asked, chosen.text(record), rejected.text(record));
            } catch (IllegalArgumentException e) {
                throw new BadRecord(prompt + ": " + e.getMessage());
            }
        }
    }

    /// Two transcripts in HH-RLHF's form, `\n\nHuman: …\n\nAssistant: …`, with a common beginning (Bai et al.,
    /// 2022). The answers are what follows the last `\n\nAssistant:` that both have at the same place.
    ///
    /// OpenFedLLM cuts at the first character that differs, and so loses the words with which both answers
    /// begin; these are kept here.
    record Transcripts(Field chosen, Field rejected) implements Mapping<Preference> {
        private static final String HUMAN = "\n\nHuman:";
        private static final String ASSISTANT = "\n\nAssistant:";

        @Override
        public Preference map(JsonNode record) throws BadRecord {
            String better = transcript(chosen, record);
            String worse = transcript(rejected, record);
            int common = 0;
            while (common < Math.min(better.length(), worse.length())
                    && better.charAt(common) == worse.charAt(common)) {
                common++;
            }
            int cut = better.substring(0, common).lastIndexOf(ASSISTANT);
            if (cut < 0) {
                throw new BadRecord(chosen + " and " + rejected
                        + " must begin with the same turns, to the last \\n\\nAssistant: of both");
            }
            int answer = cut + ASSISTANT.length();
            return new Preference(
                    turns(better.substring(0, cut)),
                    withoutSpace(better.substring(answer)),
                    withoutSpace(worse.substring(answer)));
        }

        private static String transcript(Field field, JsonNode record) throws BadRecord {
            String text = field.text(record);
            if (!text.startsWith(HUMAN)) {
                throw new BadRecord(field + " must begin with \\n\\nHuman:");
            }
            return text;
        }

        /// In turn: a `\n\nHuman:` within a human's turn is part of what is said.
        private static List<Message> turns(String text) {
            List<Message> turns = new ArrayList<>();
            int at = HUMAN.length();
            Role role = Role.USER;
            while (true) {
                String marker = role == Role.USER ? ASSISTANT : HUMAN;
                int end = text.indexOf(marker, at);
                turns.add(new Message(role, withoutSpace(text.substring(at, end < 0 ? text.length() : end))));
                if (end < 0) {
                    return turns;
                }
                at = end + marker.length();
                role = role == Role.USER ? Role.ASSISTANT : Role.USER;
            }
        }

        private static String withoutSpace(String text) {
            return text.startsWith(" ") ? text.substring(1) : text;
        }
    }

    private static String filled(Field field, JsonNode record) throws BadRecord {
        String text = field.text(record);
        if (text.isBlank()) {
            throw new BadRecord(field + " is blank, must be a text");
        }
        return text;
    }

    private static List<Message> turns(JsonNode record, Field list, Field role, Field content, Map<String, Role> roles)
            throws BadRecord {
        JsonNode found = list.in(record);
        if (!found.isArray() || found.isEmpty()) {
            throw new BadRecord(list + " is " + (found.isArray() ? "empty" : JsonRows.named(found.getNodeType()))
                    + ", must be a list of messages");
        }
        List<Message> messages = new ArrayList<>();
        for (JsonNode message : found) {
            String who = role.text(message);
            Role known = roles.get(who);
            if (known == null) {
                throw new BadRecord(list + ": " + role + " is '" + who + "', must be one of "
                        + roles.keySet().stream().sorted().toList());
            }
            messages.add(new Message(known, content.text(message)));
        }
        return messages;
    }
}
