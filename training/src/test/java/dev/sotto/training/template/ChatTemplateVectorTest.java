package dev.sotto.training.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Conversation;
import dev.sotto.training.data.Message;
import dev.sotto.training.data.Message.Role;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Chat templates against Jinja2 itself (`templates/render.py`): templates of our own with what published ones
/// use, or those of a folder given by `-Dsotto.templates=DIR` after `render.py DIR`.
class ChatTemplateVectorTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Path OWN = Path.of("src/test/resources/templates");
    private static final Path FOLDER = Path.of(System.getProperty("sotto.templates", OWN.toString()));
    private static final SpecialTokens TOKENS = new SpecialTokens("<s>", "</s>");

    private static ChatTemplate template(Path file) throws Exception {
        return ChatTemplate.of(Files.readString(file), TOKENS);
    }

    private static List<Message> messages(String name) throws Exception {
        List<Message> messages = new ArrayList<>();
        for (JsonNode message :
                JSON.readTree(OWN.resolve("conversations.json").toFile()).path(name)) {
            messages.add(new Message(
                    Role.valueOf(message.path("role").asText().toUpperCase(Locale.ROOT)),
                    message.path("content").asText()));
        }
        return messages;
    }

    @Test
    void everyTemplateAndConversation_isWrittenAsByJinja2() throws Exception {
        JsonNode rendered = JSON.readTree(FOLDER.resolve("rendered.json").toFile());
        int checked = 0;
        for (Map.Entry<String, JsonNode> entry : rendered.properties()) {
            String[] key = entry.getKey().split("/");
            List<Message> messages = messages(key[1]);
            ChatTemplate template = template(FOLDER.resolve(key[0]));
            if (entry.getValue().isNull()) {
                assertThatThrownBy(() -> template.prompt(messages)).isInstanceOf(TemplateRefused.class);
            } else if (key[2].equals("true")) {
                assertThat(template.prompt(messages))
                        .as(entry.getKey())
                        .isEqualTo(entry.getValue().asText());
            } else if (messages.getLast().role() == Role.ASSISTANT) {
                assertThat(template.text(messages))
                        .as(entry.getKey())
                        .isEqualTo(entry.getValue().asText());
            }
            checked++;
        }
        assertThat(checked).isGreaterThanOrEqualTo(60);
    }

    private static List<String> learned(ChatTemplate template, String name) throws Exception {
        Rendered rendered = template.render(new Conversation(messages(name)));
        return rendered.learned().stream()
                .map(span -> rendered.text().substring(span.start(), span.end()))
                .toList();
    }

    @Test
    void learned_turns_areTheAssistantsWithTheirEnd() throws Exception {
        assertThat(learned(template(OWN.resolve("headers.jinja")), "multisystem"))
                .containsExactly("two<|eot_id|>", "four<|eot_id|>");
        assertThat(learned(template(OWN.resolve("instructions.jinja")), "multi"))
                .containsExactly(" two</s>", " four</s>");
        assertThat(learned(template(OWN.resolve("chatml.jinja")), "system"))
                .containsExactly("c {{ d }} 'e' <x>&amp;\n<|im_end|>\n");
    }

    /// As Qwen3's: an earlier turn loses its thoughts, the last one gets an empty one.
    @Test
    void learned_turnThatIsWrittenOtherwiseWhenOthersFollow_isFollowed() throws Exception {
        ChatTemplate thinking = template(OWN.resolve("thinking.jinja"));
        assertThat(learned(thinking, "multi"))
                .containsExactly("two<|im_end|>\n", "<think>\n\n</think>\n\nfour<|im_end|>\n");
        assertThat(learned(thinking, "think"))
                .containsExactly("two<|im_end|>\n", "<think>\nha\n</think>\n\nfour<|im_end|>\n");
    }

    /// As Mistral Nemo's: the system message stands before the last message, if that is the user's.
    @Test
    void learned_promptThatChangesWhenAnAnswerFollows_isRefused() throws Exception {
        ChatTemplate last = template(OWN.resolve("lastsystem.jinja"));
        assertThatThrownBy(() -> last.render(new Conversation(messages("system"))))
                .isInstanceOf(TemplateRefused.class)
                .hasMessageContaining("writes what stands before message 3 otherwise");
        assertThatThrownBy(() -> last.turn(messages("system").subList(0, 2), "x"))
                .hasMessageContaining("leave out the system message");
        assertThat(learned(last, "single")).containsExactly("Blue.</s>");
    }

    @Test
    void turn_promptAndAnswer_areTheWholeText() throws Exception {
        assertThat(template(OWN.resolve("chatml.jinja")).turn(List.of(Message.user("a")), "b"))
                .isEqualTo(new Template.Turn(
                        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n",
                        "b<|im_end|>\n"));
    }

    @Test
    void template_exceptionUnknownMethodOrSyntax_isRefusedWithItsMessage() {
        List<Message> asked = List.of(new Message(Role.SYSTEM, "s"), Message.user("a"));
        assertThatThrownBy(() -> template(OWN.resolve("instructions.jinja")).prompt(asked))
                .isInstanceOf(TemplateRefused.class)
                .hasMessageContaining("users and assistants must take turns");
        for (String source : List.of(
                "{% for m in messages if m.role == 'user' %}{{ loop.index }}{% endfor %}",
                "{{ messages[0].content.casefold() }}",
                "{{ messages[0].content.getClass() }}",
                "{% for m in messages %}",
                "{{ '|x' + messages | nonsense }}")) {
            assertThatThrownBy(() -> ChatTemplate.of(source, TOKENS).prompt(asked))
                    .as(source)
                    .isInstanceOf(TemplateRefused.class);
        }
    }

    @Test
    void read_fileConfigOrNamedOne_isFound(@TempDir Path folder) throws Exception {
        Path config = folder.resolve("tokenizer_config.json");
        Files.writeString(config, """
                {"bos_token": {"content": "<b>"}, "eos_token": "<e>", "chat_template": "{{ bos_token }}one{{ eos_token }}"}""");
        List<Message> asked = List.of(Message.user("a"));
        assertThat(ChatTemplate.read(folder).prompt(asked)).isEqualTo("<b>one<e>");
        Files.writeString(config, """
                {"eos_token": "<e>", "chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": "two{{ bos_token }}"}]}""");
        assertThat(ChatTemplate.read(folder).prompt(asked)).isEqualTo("two");
        Files.writeString(folder.resolve("chat_template.jinja"), "three");
        assertThat(ChatTemplate.read(folder).prompt(asked)).isEqualTo("three");
        Files.delete(folder.resolve("chat_template.jinja"));
        Files.writeString(config, "{\"eos_token\": \"<e>\"}");
        assertThatThrownBy(() -> ChatTemplate.read(folder))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("the model has no chat template");
        Files.writeString(config, "{\"chat_template\": \"x\"}");
        assertThatThrownBy(() -> ChatTemplate.read(folder)).hasMessageContaining("eos_token is missing");
    }
}
