package dev.sotto.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.training.checkpoint.InvalidFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Every named data set in its documented layout, one's own mapping files, and what is said of mistakes.
class DatasetsTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    private static Conversation conversation(String dataset, String record) throws Exception {
        return Datasets.mapping(dataset).conversations().map(JSON.readTree(record));
    }

    private static Preference preference(String dataset, String record) throws Exception {
        return Datasets.mapping(dataset).preferences().map(JSON.readTree(record));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "tatsu-lab/alpaca",
                "alpaca-gpt4",
                "yahma/alpaca-cleaned",
                "CodeAlpaca-20k",
                "fingpt-sentiment-train",
                "finance-alpaca"
            })
    void alpacaLayout_input_followsAfterASpace(String dataset) throws Exception {
        assertThat(conversation(dataset, """
                {"instruction": "Name the sentiment.", "input": "Shares rose.", "output": "positive", "text": "unused"}"""))
                .isEqualTo(Conversation.of("Name the sentiment. Shares rose.", "positive"));
        assertThat(conversation(dataset, "{\"instruction\": \"Name a colour.\", \"input\": \"\", \"output\": \"\"}"))
                .isEqualTo(Conversation.of("Name a colour.", ""));
    }

    @Test
    void otherLayouts_fields_areThoseOfOpenFedLlm() throws Exception {
        assertThat(conversation("WizardLM_evol_instruct_70k", "{\"instruction\": \"i\", \"output\": \"o\"}"))
                .isEqualTo(Conversation.of("i", "o"));
        assertThat(conversation("MathInstruct", "{\"source\": \"s\", \"instruction\": \"i\", \"output\": \"o\"}"))
                .isEqualTo(Conversation.of("i", "o"));
        assertThat(conversation("MATH", """
                {"problem": "p", "level": "Level 5", "type": "Algebra", "solution": "\\\\boxed{2}"}""")).isEqualTo(Conversation.of("p", "\\boxed{2}"));
        assertThat(conversation("gsm8k", "{\"question\": \"q\", \"answer\": \"a\\n#### 4\"}"))
                .isEqualTo(Conversation.of("q", "a\n#### 4"));
        assertThat(conversation("medical_meadow_medical_flashcards", """
                {"instruction": "Answer this question truthfully", "input": "What is x?", "output": "y"}"""))
                .isEqualTo(Conversation.of("What is x?", "y"));
    }

    @Test
    void hhRlhf_answers_areWhatFollowsTheCommonTurns() throws Exception {
        assertThat(preference("Anthropic/hh-rlhf", """
                {"chosen": "\\n\\nHuman: a\\n\\nAssistant: b\\n\\nHuman: c\\n\\nAssistant: I think d",
                 "rejected": "\\n\\nHuman: a\\n\\nAssistant: b\\n\\nHuman: c\\n\\nAssistant: I hope e"}"""))
                .isEqualTo(new Preference(
                        List.of(Message.user("a"), Message.assistant("b"), Message.user("c")),
                        "I think d",
                        "I hope e"));
        assertThat(preference("hh-rlhf", """
                {"chosen": "\\n\\nHuman: a\\n\\nHuman: b\\n\\nAssistant:", "rejected": "\\n\\nHuman: a\\n\\nHuman: b\\n\\nAssistant: x"}"""))
                .isEqualTo(new Preference(List.of(Message.user("a\n\nHuman: b")), "", "x"));
        assertThatThrownBy(() -> preference("hh-rlhf", "{\"chosen\": \"Human: a\", \"rejected\": \"x\"}"))
                .isInstanceOf(BadRecord.class)
                .hasMessage("chosen must begin with \\n\\nHuman:");
        assertThatThrownBy(() -> preference("hh-rlhf", """
                {"chosen": "\\n\\nHuman: a\\n\\nAssistant: b", "rejected": "\\n\\nHuman: c\\n\\nAssistant: d"}""")).hasMessageContaining("must begin with the same turns");
    }

    @Test
    void ultrafeedback_secondMessages_areTheAnswers() throws Exception {
        Loaded<Preference> loaded = Loaded.read(
                List.of(Path.of("src/test/resources/data/ultrafeedback.parquet")),
                Datasets.mapping("ultrafeedback_binarized").preferences(),
                false);
        assertThat(loaded.examples())
                .containsExactly(
                        new Preference(List.of(Message.user("Name a colour 1")), "Blue 1", "No. 1"),
                        new Preference(List.of(Message.user("Name a colour 2")), "Blue 2", "No. 2"));
    }

    @Test
    void mathInstruct_repeatedInstruction_countsOnce() throws Exception {
        Path file = Files.writeString(folder.resolve("a.json"), """
                [{"instruction": "i", "output": "1"}, {"instruction": "j", "output": "2"}, {"instruction": "i", "output": "3"}]""");
        assertThat(Loaded.read(List.of(file), Datasets.mapping("MathInstruct").conversations(), false))
                .isEqualTo(
                        new Loaded<>(List.of(Conversation.of("i", "1"), Conversation.of("j", "2")), 0, List.of(), 1));
    }

    @Test
    void read_badLine_endsItOrIsCounted() throws Exception {
        Path file = Files.writeString(folder.resolve("a.jsonl"), """
                {"question": "q", "answer": "a"}
                {"question": "q"}
                {"question": " ", "answer": "a"}
                {"question": ["q"], "answer": "a"}
                {oops
                {"question": "r", "answer": 4}
                """);
        Mapping<Conversation> mapping = Datasets.mapping("gsm8k").conversations();
        assertThatThrownBy(() -> Loaded.read(List.of(file), mapping, false))
                .isInstanceOf(InvalidFile.class)
                .hasMessage(file + ": line 2: answer is missing, must be a text");
        Loaded<Conversation> loaded = Loaded.read(List.of(file), mapping, true);
        assertThat(loaded.examples()).containsExactly(Conversation.of("q", "a"), Conversation.of("r", "4"));
        assertThat(loaded.skipped()).isEqualTo(4);
        assertThat(loaded.firstBad())
                .startsWith(
                        file + ": line 2: answer is missing, must be a text",
                        file + ": line 3: question is blank, must be a text",
                        file + ": line 4: question is an array, must be a text")
                .last()
                .asString()
                .startsWith(file + ": line 5: is no JSON");
        Path none = Files.writeString(folder.resolve("b.jsonl"), "{}\n");
        assertThatThrownBy(() -> Loaded.read(List.of(none), mapping, true))
                .hasMessageContaining("holds no examples; the first bad record: " + none + ": line 1");
    }

    private Mapping<?> file(String yaml) throws Exception {
        return Datasets.mapping(Files.writeString(folder.resolve("mapping.yaml"), yaml));
    }

    @Test
    void mappingFile_instruction_namesPathsAndAlternatives() throws Exception {
        Mapping<Conversation> mapping = file("""
                kind: instruction
                instruction: [task.text, task.hints.0]
                separator: "\\n"
                response: gold|silver
                """).conversations();
        assertThat(mapping.map(JSON.readTree("""
                {"task": {"text": "t", "hints": ["h"]}, "silver": "s"}"""))).isEqualTo(Conversation.of("t\nh", "s"));
    }

    @Test
    void mappingFile_conversation_translatesRoles() throws Exception {
        Mapping<Conversation> mapping = file("""
                kind: conversation
                messages: conversations
                role: from
                content: value
                roles: {human: user, gpt: assistant, system: system}
                """).conversations();
        assertThat(mapping.map(JSON.readTree("""
                {"conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}""")))
                .isEqualTo(new Conversation(
                        List.of(new Message(Message.Role.SYSTEM, "s"), Message.user("a"), Message.assistant("b"))));
        assertThatThrownBy(() -> mapping.map(JSON.readTree("""
                {"conversations": [{"from": "bot", "value": "b"}]}""")))
                .hasMessage("conversations: from is 'bot', must be one of [gpt, human, system]");
        assertThatThrownBy(() -> mapping.map(JSON.readTree("""
                {"conversations": [{"from": "gpt", "value": "b"}]}""")))
                .hasMessage("conversations: message 1 is the assistant's, must be the user's");
        assertThatThrownBy(() -> mapping.map(JSON.readTree("""
                {"conversations": [{"from": "human", "value": "b"}]}""")))
                .hasMessageContaining("must end with a message of the assistant");
        assertThatThrownBy(() -> mapping.map(JSON.readTree("{\"conversations\": []}")))
                .hasMessage("conversations is empty, must be a list of messages");
    }

    @Test
    void mappingFile_preference_takesAPromptOfMessages() throws Exception {
        Mapping<Preference> mapping = file("kind: preference\nprompt: context\nchosen: good\nrejected: bad\n")
                .preferences();
        assertThat(mapping.map(JSON.readTree("""
                {"context": [{"role": "user", "content": "a"}], "good": "b", "bad": "c"}"""))).isEqualTo(new Preference(List.of(Message.user("a")), "b", "c"));
        assertThatThrownBy(mapping::conversations).hasMessageContaining("holds preferences");
    }

    @Test
    void mappingFile_mistakes_nameKeyValueAndWhatIsAllowed() {
        assertThatThrownBy(() -> file("kind: instructions\n"))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining(
                        "mapping.yaml: kind is 'instructions', must be one of [instruction, conversation, preference]");
        assertThatThrownBy(() -> file("kind: instruction\nresponse: r\n"))
                .hasMessageContaining("instruction is missing, must be a text or a list of texts");
        assertThatThrownBy(() -> file("kind: instruction\ninstruction: i\nresponse: r\nseperator: x\n"))
                .hasMessageContaining("seperator is not known, allowed here are [blankResponses, distinct, instruction,"
                        + " kind, response, separator]");
        assertThatThrownBy(() -> file("kind: instruction\ninstruction: i\nresponse: a||b\n"))
                .hasMessageContaining("response is 'a||b', must be a field");
        assertThatThrownBy(() -> file("kind: instruction\ninstruction: i\nresponse: r\ndistinct: maybe\n"))
                .hasMessageContaining("distinct is 'maybe', must be true or false");
        assertThatThrownBy(() -> file("kind: conversation\nroles: {human: person}\n"))
                .hasMessageContaining("roles.human is 'person', must be one of [system, user, assistant]");
        assertThatThrownBy(() -> file("kind: preference\ntranscripts: shp\n"))
                .hasMessageContaining("transcripts is 'shp', must be one of [hh]");
        assertThatThrownBy(() -> file("kind: [\n"))
                .hasMessageContaining("is no YAML")
                .hasMessageContaining("line 2");
        assertThatThrownBy(() -> file("kind: a\nkind: b\n")).hasMessageContaining("Duplicate");
        assertThatThrownBy(() -> Datasets.mapping("imdb"))
                .hasMessageContaining("data set 'imdb' is not known, must be one of [default, tatsu-lab/alpaca,");
    }

    /// On the real files, if `-Dsotto.data=DIR` says where they are.
    @Test
    void realFiles_everyRecord_isRead() throws Exception {
        String given = System.getProperty("sotto.data");
        Path data = given == null ? Path.of("src/test/resources/data") : Path.of(given);
        List<Conversation> train = Loaded.read(
                        List.of(data.resolve("gsm8k-train.jsonl")),
                        Datasets.mapping("gsm8k").conversations(),
                        false)
                .examples();
        List<Conversation> test = Loaded.read(
                        List.of(data.resolve("gsm8k-test.jsonl")),
                        Datasets.mapping("gsm8k").conversations(),
                        false)
                .examples();
        List<Preference> harmless = Loaded.read(
                        List.of(data.resolve("hh-harmless-test.jsonl")),
                        Datasets.mapping("hh-rlhf").preferences(),
                        false)
                .examples();
        assertThat(List.of(train.size(), test.size(), harmless.size()))
                .isEqualTo(given == null ? List.of(2, 2, 3) : List.of(7473, 1319, 2312));
        assertThat(train).allSatisfy(example -> assertThat(example.messages()).hasSize(2));
        Set<Preference> different = new HashSet<>(harmless);
        assertThat(different).hasSizeGreaterThan(harmless.size() * 9 / 10);
    }
}
