package dev.sotto.training.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Conversation;
import dev.sotto.training.data.Labelled;
import dev.sotto.training.data.Message;
import dev.sotto.training.data.Message.Role;
import dev.sotto.training.data.PackedBatch;
import dev.sotto.training.data.Preference;
import dev.sotto.training.data.PreferenceTokens;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/// What is learned of a text in tokens, by a real tokenizer; packing; preferences.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SequencesTest {
    private final HuggingFaceTokenizer tokenizer = open();
    private final TextEncoder encoder = encoder(tokenizer);

    private static HuggingFaceTokenizer open() {
        try {
            return HuggingFaceTokenizer.newInstance(
                    Path.of("src/test/resources/llama/base/tokenizer.json"),
                    Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "false"));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /// The library counts places in code points.
    private static TextEncoder encoder(HuggingFaceTokenizer tokenizer) {
        return new TextEncoder() {
            @Override
            public Tokens encode(String text) {
                Encoding encoding = tokenizer.encode(text);
                int[] ids = Arrays.stream(encoding.getIds())
                        .mapToInt(id -> (int) id)
                        .toArray();
                int[] starts = new int[ids.length];
                int[] ends = new int[ids.length];
                for (int i = 0; i < ids.length; i++) {
                    starts[i] = text.offsetByCodePoints(0, encoding.getCharTokenSpans()[i].getStart());
                    ends[i] = text.offsetByCodePoints(0, encoding.getCharTokenSpans()[i].getEnd());
                }
                return new Tokens(ids, starts, ends);
            }

            @Override
            public int beginToken() {
                return 1;
            }
        };
    }

    @AfterAll
    void close() {
        tokenizer.close();
    }

    private String decoded(int[] tokens) {
        return tokenizer.decode(Arrays.stream(tokens).asLongStream().toArray(), false);
    }

    private String learned(Labelled sequence) {
        return decoded(Arrays.stream(sequence.targets())
                .filter(target -> target != Batch.IGNORE)
                .toArray());
    }

    @Test
    void textTemplates_prompts_areThoseOfOpenFedLlm() {
        Conversation one = Conversation.of("Name a colour.", "Blue.");
        assertThat(TextTemplate.alpaca("</s>").render(one).text()).isEqualTo("""
                Below is an instruction that describes a task. Write a response that appropriately completes the request.

                ### Instruction:
                Name a colour.\s

                ### Response: Blue.</s>""");
        assertThat(TextTemplate.vicuna("</s>").render(one).text())
                .isEqualTo("A chat between a curious user and an artificial intelligence assistant. The assistant gives"
                        + " helpful, detailed, and polite answers to the user's questions. USER: Name a colour."
                        + " ASSISTANT: Blue.</s>");
        List<Message> asked = List.of(Message.user("a"), Message.assistant("b"), Message.user("c"));
        assertThat(TextTemplate.vicuna("</s>").turn(asked, "d"))
                .isEqualTo(new Template.Turn(
                        "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful,"
                                + " detailed, and polite answers to the user's questions. USER: a ASSISTANT: b</s>USER: c"
                                + " ASSISTANT:",
                        " d</s>"));
        assertThat(TextTemplate.alpaca("</s>").turn(asked, "d").prompt())
                .isEqualTo(
                        "Below is an instruction that describes a task. Write a response that appropriately completes"
                                + " the request.\n\n### Instruction: a\n\n### Response: b</s>### Instruction: c\n\n### Response:");
        assertThat(TextTemplate.vicuna("</s>")
                        .prompt(List.of(new Message(Role.SYSTEM, "Be brief."), Message.user("a"))))
                .isEqualTo("Be brief. USER: a ASSISTANT:");
    }

    @Test
    void labelled_alpaca_learnsTheResponseAndItsEnd() throws Exception {
        Conversation conversation = Conversation.of("Größe \uD83D\uDE00?", "blue \uD83D\uDE00 and 日本");
        for (Template template : List.of(TextTemplate.alpaca("</s>"), TextTemplate.vicuna("</s>"))) {
            Sequences sequences = new Sequences(template, encoder);
            Labelled sequence = sequences.labelled(conversation, 2000).orElseThrow();
            assertThat(sequence.tokens()[0]).isEqualTo(1);
            assertThat(learned(sequence)).isEqualTo(" blue \uD83D\uDE00 and 日本</s>");
            assertThat(decoded(sequence.tokens()))
                    .isEqualTo("<s>" + template.render(conversation).text());
        }
    }

    @Test
    void labelled_targets_areTheNextTokens() throws Exception {
        Labelled sequence = new Sequences(TextTemplate.alpaca("</s>"), encoder)
                .labelled(Conversation.of("a", "b c d"), 2000)
                .orElseThrow();
        for (int i = 0; i + 1 < sequence.tokens().length; i++) {
            assertThat(sequence.targets()[i]).isIn(Batch.IGNORE, sequence.tokens()[i + 1]);
        }
        assertThat(sequence.tokens()[sequence.tokens().length - 1])
                .isEqualTo(sequence.targets()[sequence.tokens().length - 2]);
    }

    @Test
    void labelled_severalTurns_learnsEachOfTheAssistant() throws Exception {
        Conversation conversation = new Conversation(List.of(
                Message.user("one"), Message.assistant("two"), Message.user("three"), Message.assistant("four")));
        assertThat(learned(new Sequences(TextTemplate.vicuna("</s>"), encoder)
                        .labelled(conversation, 2000)
                        .orElseThrow()))
                .isEqualTo(" two</s> four</s>");
        ChatTemplate chat = ChatTemplate.of(
                "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}"
                        + "{% endif %}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}",
                new SpecialTokens("<s>", "</s>"));
        Labelled sequence =
                new Sequences(chat, encoder).labelled(conversation, 2000).orElseThrow();
        assertThat(learned(sequence)).isEqualTo("two</s>four</s>");
        assertThat(sequence.tokens()[0]).isEqualTo(1);
        assertThat(sequence.tokens()[1]).isNotEqualTo(1);
    }

    @Test
    void labelled_cut_keepsTheBeginningOrNothing() throws Exception {
        Sequences sequences = new Sequences(TextTemplate.alpaca("</s>"), encoder);
        Conversation conversation = Conversation.of("a", "b c d e f g");
        Labelled whole = sequences.labelled(conversation, 2000).orElseThrow();
        int prompt = whole.tokens().length - whole.counted();
        Labelled cut = sequences.labelled(conversation, prompt + 2).orElseThrow();
        assertThat(cut.tokens()).isEqualTo(Arrays.copyOf(whole.tokens(), prompt + 2));
        assertThat(cut.counted()).isEqualTo(2);
        assertThat(sequences.labelled(conversation, prompt)).isEmpty();
    }

    @Test
    void preference_tokens_joinToTheWholeText() throws Exception {
        Sequences sequences = new Sequences(TextTemplate.vicuna("</s>"), encoder);
        PreferenceTokens tokens = sequences.preference(new Preference(
                List.of(Message.user("a"), Message.assistant("b"), Message.user("c")), "good one", "bad"));
        assertThat(decoded(tokens.prompt())).startsWith("<s>A chat between").endsWith("USER: c ASSISTANT:");
        assertThat(decoded(tokens.chosen())).isEqualTo(" good one</s>");
        assertThat(decoded(tokens.rejected())).isEqualTo(" bad</s>");
        Labelled rejected = tokens.labelled(false);
        assertThat(learned(rejected)).isEqualTo(" bad</s>");
        assertThat(rejected.counted()).isEqualTo(tokens.rejected().length);
    }

    /// A tokenizer that joins what stands on both sides of the border.
    @Test
    void preference_tokenAcrossTheBorder_isTokenisedApart() throws Exception {
        TextEncoder joining = new TextEncoder() {
            @Override
            public Tokens encode(String text) {
                String joined = text.replace("?!", "\u2049");
                int[] ids = joined.chars().toArray();
                return new Tokens(ids, new int[ids.length], new int[ids.length]);
            }

            @Override
            public int beginToken() {
                return -1;
            }
        };
        ChatTemplate chat =
                ChatTemplate.of("{% for m in messages %}{{ m.content }}{% endfor %}", new SpecialTokens("", "</s>"));
        PreferenceTokens tokens =
                new Sequences(chat, joining).preference(new Preference(List.of(Message.user("a?")), "!b", "c"));
        assertThat(tokens.prompt()).containsExactly('a', '?');
        assertThat(tokens.chosen()).containsExactly('!', 'b');
        assertThat(tokens.rejected()).containsExactly('c');
    }

    private static int[] count(int from, int to) {
        int[] counted = new int[to - from];
        Arrays.setAll(counted, i -> from + i);
        return counted;
    }

    @Test
    void truncated_prompt_keepsItsEndAndAnswersTheirBeginning() {
        PreferenceTokens tokens = new PreferenceTokens(count(0, 10), count(100, 106), count(200, 204));
        assertThat(tokens.truncated(16, 4)).isSameAs(tokens);
        PreferenceTokens cut = tokens.truncated(15, 4);
        assertThat(cut.prompt()).containsExactly(6, 7, 8, 9);
        assertThat(cut.chosen()).hasSize(6);
        PreferenceTokens both = tokens.truncated(9, 4);
        assertThat(both.prompt()).containsExactly(6, 7, 8, 9);
        assertThat(both.chosen()).containsExactly(100, 101, 102, 103, 104);
        assertThat(both.rejected()).containsExactly(200, 201, 202, 203);
        assertThatThrownBy(() -> tokens.truncated(4, 4)).hasMessageContaining("less than all");
    }

    private static Labelled sequence(int id, int length) {
        int[] tokens = new int[length];
        Arrays.fill(tokens, id);
        int[] targets = new int[length];
        Arrays.fill(targets, id);
        targets[length - 1] = Batch.IGNORE;
        return new Labelled(tokens, targets);
    }

    @Test
    void packed_anySequences_areAllThereOnceUncutAndApart() {
        SplittableRandom random = new SplittableRandom(5);
        for (int trial = 0; trial < 50; trial++) {
            int length = random.nextInt(8, 40);
            List<Labelled> sequences = new ArrayList<>();
            for (int id = 1; id <= random.nextInt(1, 60); id++) {
                sequences.add(sequence(id, random.nextInt(1, length + 1)));
            }
            List<List<Labelled>> rows = PackedBatch.rows(sequences, length);
            PackedBatch batch = PackedBatch.of(rows, 0);
            List<Labelled> found = new ArrayList<>();
            for (int row = 0; row < rows.size(); row++) {
                int from = 0;
                for (int at = 1; at <= batch.tokens()[row].length; at++) {
                    boolean ends = at == batch.tokens()[row].length
                            || batch.segments()[row][at] != batch.segments()[row][from];
                    if (ends && batch.segments()[row][from] >= 0) {
                        assertThat(Arrays.copyOfRange(batch.positions()[row], from, at))
                                .isEqualTo(count(0, at - from));
                        found.add(new Labelled(
                                Arrays.copyOfRange(batch.tokens()[row], from, at),
                                Arrays.copyOfRange(batch.targets()[row], from, at)));
                    }
                    from = ends ? at : from;
                }
            }
            Comparator<Labelled> byId = Comparator.comparingInt(sequence -> sequence.tokens()[0]);
            assertThat(found.stream().sorted(byId).toList())
                    .usingRecursiveFieldByFieldElementComparator()
                    .isEqualTo(sequences);
            // At most one row can be half empty: two such would have been one.
            assertThat(rows.stream()
                            .filter(row -> row.stream()
                                                    .mapToInt(s -> s.tokens().length)
                                                    .sum()
                                            * 2
                                    < length))
                    .hasSizeLessThanOrEqualTo(1);
        }
    }

    @Test
    void packed_bestFit_fillsTheFullestRow() {
        List<List<Labelled>> rows =
                PackedBatch.rows(List.of(sequence(1, 6), sequence(2, 7), sequence(3, 3), sequence(4, 4)), 10);
        assertThat(rows)
                .extracting(row -> row.stream().map(s -> s.tokens()[0]).toList())
                .containsExactly(List.of(2, 3), List.of(1, 4));
        assertThatThrownBy(() -> PackedBatch.rows(List.of(sequence(1, 11)), 10))
                .hasMessage("a sequence has 11 tokens, a row only 10");
    }
}
