package dev.sotto.training.template;

import com.fasterxml.jackson.databind.JsonNode;
import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.el.JinjavaInterpreterResolver;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Conversation;
import dev.sotto.training.data.Message;
import dev.sotto.training.data.Message.Role;
import dev.sotto.training.template.Rendered.Span;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import jinjava.javax.el.CompositeELResolver;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELResolver;
import org.jspecify.annotations.Nullable;

/// A model's own chat template: the Jinja of its checkpoint, run by Jinjava in its sandbox with the settings
/// that transformers uses (blocks trimmed) and `raise_exception`. No tools, no `strftime_now`: the text must not
/// depend on the day, and Llama 3's templates then write the date that they have themselves.
///
/// Jinjava lacks some things that templates use: Python's methods of texts (see [PythonText]), `list[::-1]`,
/// expressions as values of `namespace(name=…)`, `{% for … in … if … %}` and the `{% generation %}` of TRL. The
/// first are added, the others rewritten. Its unknown filters give nothing silently, and so are refused.
///
/// A turn is learned from where the prompt for it ends to where the turn ends, both found by rendering the
/// beginnings of the conversation. A template that writes an earlier turn otherwise when others follow (Qwen3
/// drops what was thought) is followed; one that changes what stands before a turn is refused.
///
/// Special tokens that somebody writes into a message are special tokens of the text, as in transformers.
public final class ChatTemplate implements Template {
    private static final long LARGEST_OUTPUT_BYTES = 1 << 24;
    private static final Pattern TAG = Pattern.compile("\\{[{%].*?[%}]}", Pattern.DOTALL);
    private static final Pattern LITERAL =
            Pattern.compile("'(?:[^'\\\\]|\\\\.)*'|\"(?:[^\"\\\\]|\\\\.)*\"", Pattern.DOTALL);
    private static final Pattern FILTER = Pattern.compile("\\|\\s*([A-Za-z_]\\w*)");
    private static final Pattern FILTERED_LOOP =
            Pattern.compile("(\\{%[-+]?\\s*for\\s.*?\\sin\\s.*?)\\sif\\s(.*?)\\s*([-+]?%})", Pattern.DOTALL);
    private static final Pattern LOOP_TAG = Pattern.compile("\\{%[-+]?\\s*(for|endfor)\\b");
    private static final Pattern NAMESPACE = Pattern.compile("namespace\\(([^()]*)\\)");
    private static final Jinjava JINJA = jinja();

    private final String source;
    private final SpecialTokens tokens;

    private ChatTemplate(String source, SpecialTokens tokens) {
        this.source = source;
        this.tokens = tokens;
    }

    /// A template.
    ///
    /// @param source Jinja
    /// @throws TemplateRefused if it uses a filter that is not known here
    public static ChatTemplate of(String source, SpecialTokens tokens) throws TemplateRefused {
        String unknown = TAG.matcher(source)
                .results()
                .map(tag -> LITERAL.matcher(tag.group()).replaceAll("''"))
                .flatMap(tag -> FILTER.matcher(tag).results().map(filter -> filter.group(1)))
                .filter(filter -> JINJA.getGlobalContext().getFilter(filter) == null)
                .collect(Collectors.joining(", "));
        if (!unknown.isEmpty()) {
            throw new TemplateRefused("the chat template uses filters that are not known here: " + unknown);
        }
        return new ChatTemplate(rewritten(trimmed(source)), tokens);
    }

    /// The template of a checkpoint folder: `chat_template.jinja`, else `chat_template` of
    /// `tokenizer_config.json`, of several the one named `default`.
    ///
    /// @throws InvalidFile if there is none
    public static ChatTemplate read(Path folder) throws IOException, InvalidFile {
        Path file = folder.resolve("chat_template.jinja");
        if (Files.isRegularFile(file)) {
            return of(file, Files.readString(file), SpecialTokens.read(folder));
        }
        JsonNode template = SpecialTokens.config(folder).path("chat_template");
        for (JsonNode named : template.isArray() ? template : List.<JsonNode>of()) {
            if (named.path("name").asText().equals("default")) {
                template = named.path("template");
            }
        }
        if (!template.isTextual()) {
            throw new InvalidFile(
                    folder.resolve(SpecialTokens.FILE),
                    "chat_template is missing, and there is no chat_template.jinja: the model has no chat template");
        }
        return of(folder.resolve(SpecialTokens.FILE), template.asText(), SpecialTokens.read(folder));
    }

    private static ChatTemplate of(Path file, String source, SpecialTokens tokens) throws InvalidFile {
        try {
            return of(source, tokens);
        } catch (TemplateRefused e) {
            throw new InvalidFile(file, String.valueOf(e.getMessage()));
        }
    }

    @Override
    public Rendered render(Conversation conversation) throws TemplateRefused {
        List<Message> messages = conversation.messages();
        String text = write(messages, false);
        List<Span> learned = new ArrayList<>();
        for (int i = 0; i < messages.size(); i++) {
            if (messages.get(i).role() == Role.ASSISTANT) {
                learned.add(span(messages, i, text));
            }
        }
        return new Rendered(text, learned);
    }

    private Span span(List<Message> messages, int at, String text) throws TemplateRefused {
        String before = write(messages.subList(0, at), true);
        if (!text.startsWith(before)) {
            throw new TemplateRefused("the chat template writes what stands before message " + (at + 1)
                    + " otherwise when an answer follows; leave out the system message, or end the conversation there");
        }
        String alone = write(messages.subList(0, at + 1), false);
        if (text.startsWith(alone) && alone.length() > before.length()) {
            return new Span(before.length(), alone.length());
        }
        String content = visible(messages.get(at).content());
        int found = text.indexOf(content, before.length());
        int last = alone.lastIndexOf(content);
        String ending = last < 0 ? "" : alone.substring(last + content.length());
        if (found < 0 || last < 0 || content.isEmpty() || !text.startsWith(ending, found + content.length())) {
            throw new TemplateRefused("the chat template does not write message " + (at + 1) + " as it is");
        }
        return new Span(before.length(), found + content.length() + ending.length());
    }

    /// What a template surely writes of a turn: without what was thought, and without space around it.
    private static String visible(String content) {
        return content.substring(content.lastIndexOf("</think>") < 0 ? 0 : content.lastIndexOf("</think>") + 8)
                .strip();
    }

    @Override
    public String prompt(List<Message> messages) throws TemplateRefused {
        return write(messages, true);
    }

    @Override
    public Turn turn(List<Message> messages, String answer) throws TemplateRefused {
        List<Message> all = new ArrayList<>(messages);
        all.add(Message.assistant(answer));
        String prompt = write(messages, true);
        String text = write(all, false);
        if (!text.startsWith(prompt)) {
            throw new TemplateRefused(
                    "the chat template writes the prompt otherwise when an answer follows; leave out the system message");
        }
        return new Turn(prompt, text.substring(prompt.length()));
    }

    @Override
    public boolean begins() {
        return true;
    }

    /// The whole text of some messages.
    String text(List<Message> messages) throws TemplateRefused {
        return write(messages, false);
    }

    private String write(List<Message> messages, boolean forAnswer) throws TemplateRefused {
        List<Map<String, Object>> listed = new ArrayList<>();
        for (Message message : messages) {
            listed.add(new HashMap<>(Map.of("role", message.role().key(), "content", message.content())));
        }
        Map<String, Object> bindings = new HashMap<>();
        bindings.put("messages", listed);
        bindings.put("add_generation_prompt", forAnswer);
        bindings.put("bos_token", tokens.begin());
        bindings.put("eos_token", tokens.end());
        RenderResult result = JINJA.renderForResult(source, bindings);
        if (!result.getErrors().isEmpty()) {
            throw new TemplateRefused(
                    "the chat template: " + reason(result.getErrors().getFirst()));
        }
        return result.getOutput();
    }

    /// The message of `raise_exception`, if that was it.
    private static String reason(TemplateError error) {
        Throwable cause = error.getException();
        while (cause != null && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause instanceof IllegalArgumentException raised
                ? String.valueOf(raised.getMessage())
                : "line " + error.getLineno() + ": " + error.getMessage();
    }

    /// As Jinja2's `trim_blocks` and `lstrip_blocks` have it; Jinjava's own also take space that stands between a
    /// value and a block on the same line.
    private static String trimmed(String source) {
        return source.replace("\r\n", "\n")
                .replaceAll("\n\\z", "")
                .replaceAll("(?m)^[ \\t]+(?=\\{[%#](?!\\+))", "")
                .replaceAll("(?<!\\+)([%#]})\n", "$1");
    }

    private static String rewritten(String source) {
        Deque<Boolean> loops = new ArrayDeque<>();
        StringBuilder all = new StringBuilder();
        Matcher tags = TAG.matcher(source);
        while (tags.find()) {
            String tag = NAMESPACE
                    .matcher(tags.group().replace("[::-1]", "|reverse|list"))
                    .replaceAll(call -> Matcher.quoteReplacement(
                            "namespace(" + call.group(1).replaceAll("(\\w+)\\s*=\\s*([^,]+)", "$1=($2)") + ")"));
            Matcher some = FILTERED_LOOP.matcher(tag);
            String kind = tag.replaceAll("^\\{%[-+]?\\s*|\\s*[-+]?%}$", "");
            if (some.matches()) {
                tag = some.group(1) + " %}{% if " + some.group(2) + " " + some.group(3);
                if (source.substring(tags.end(), end(source, tags.end())).contains("loop.")) {
                    tag += "{{- raise_exception('a loop over some elements counts them, which is not known here') }}";
                }
            } else if (kind.equals("endfor") && !loops.isEmpty() && loops.peek()) {
                tag = tag.replace("endfor", "endif") + "{% endfor %}";
            } else if (kind.equals("generation")) {
                tag = tag.replace("generation", "if true");
            } else if (kind.equals("endgeneration")) {
                tag = tag.replace("endgeneration", "endif");
            }
            if (kind.startsWith("for ")) {
                loops.push(some.matches());
            } else if (kind.equals("endfor") && !loops.isEmpty()) {
                loops.pop();
            }
            tags.appendReplacement(all, Matcher.quoteReplacement(tag));
        }
        return tags.appendTail(all).toString();
    }

    /// Where the loop that begins before `from` ends.
    private static int end(String source, int from) {
        int open = 1;
        Matcher tags = LOOP_TAG.matcher(source);
        for (boolean found = tags.find(from); found; found = tags.find()) {
            open += tags.group(1).equals("for") ? 1 : -1;
            if (open == 0) {
                return tags.start();
            }
        }
        return source.length();
    }

    private static Jinjava jinja() {
        CompositeELResolver resolver = new CompositeELResolver();
        resolver.add(new PythonTexts());
        resolver.add(JinjavaInterpreterResolver.DEFAULT_RESOLVER_READ_ONLY);
        Jinjava jinja = new Jinjava(JinjavaConfig.newBuilder()
                .withNestedInterpretationEnabled(false)
                .withMaxOutputSize(LARGEST_OUTPUT_BYTES)
                .withElResolver(resolver)
                .withLegacyOverrides(LegacyOverrides.newBuilder()
                        .withUsePyishObjectMapper(true)
                        .withEvaluateMapKeys(true)
                        .withIterateOverMapKeys(true)
                        .withKeepNullableLoopValues(true)
                        .withUseNaturalOperatorPrecedence(true)
                        .withParseWhitespaceControlStrictly(true)
                        .withUseTrimmingForNotesAndExpressions(true)
                        .build())
                .build());
        jinja.getGlobalContext()
                .registerFunction(
                        new ELFunctionDefinition("", "raise_exception", ChatTemplate.class, "raise", String.class));
        return jinja;
    }

    /// What a template calls when it refuses a conversation; Jinjava reports the message.
    @SuppressWarnings("DoNotCallSuggester") // Jinjava does, by reflection.
    public static String raise(String message) {
        throw new IllegalArgumentException(message);
    }

    /// Answers calls of Python's methods on texts, and nothing else; unknown ones would give nothing silently.
    private static final class PythonTexts extends ELResolver {
        @Override
        public @Nullable Object invoke(
                ELContext context,
                @Nullable Object base,
                Object method,
                Class<?> @Nullable [] types,
                @Nullable Object @Nullable [] arguments) {
            if (!(base instanceof CharSequence text)) {
                return null;
            }
            Object answer = PythonText.call(
                    text.toString(), String.valueOf(method), arguments == null ? new Object[0] : arguments);
            if (answer == null) {
                throw new IllegalArgumentException("calls " + method + " on a text, which is not known here");
            }
            context.setPropertyResolved(true);
            return answer;
        }

        @Override
        public @Nullable Object getValue(ELContext context, @Nullable Object base, @Nullable Object property) {
            return null;
        }

        @Override
        public @Nullable Class<?> getType(ELContext context, @Nullable Object base, @Nullable Object property) {
            return null;
        }

        @Override
        public void setValue(ELContext context, Object base, Object property, Object value) {}

        @Override
        public boolean isReadOnly(ELContext context, Object base, Object property) {
            return true;
        }

        @Override
        public java.util.@Nullable Iterator<java.beans.FeatureDescriptor> getFeatureDescriptors(
                ELContext context, Object base) {
            return null;
        }

        @Override
        public @Nullable Class<?> getCommonPropertyType(ELContext context, Object base) {
            return null;
        }
    }
}
