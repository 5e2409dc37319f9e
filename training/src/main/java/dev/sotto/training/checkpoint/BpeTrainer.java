package dev.sotto.training.checkpoint;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Trains a byte-level BPE tokenizer (Radford et al., 2019) and writes it as Hugging Face's
/// `tokenizer.json`. Deterministic: the most frequent pair first, ties in the order of their text. For
/// small corpora: it counts all pairs anew for every merge.
public final class BpeTrainer {
    /// `<s>`, `</s>` and `<pad>` are tokens 0, 1 and 2.
    public static final List<String> SPECIAL = List.of("<s>", "</s>", "<pad>");

    private static final Pattern WORDS =
            Pattern.compile("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+");

    private BpeTrainer() {}

    /// Learns at most `vocabulary` tokens, special ones and the 256 bytes included.
    public static void train(Iterable<String> text, int vocabulary, Path file) throws IOException {
        Map<String, Integer> words = new TreeMap<>();
        for (String paragraph : text) {
            Matcher matcher = WORDS.matcher(paragraph);
            while (matcher.find()) {
                words.merge(visible(matcher.group()), 1, Integer::sum);
            }
        }
        Map<List<String>, Integer> pieces = new LinkedHashMap<>();
        words.forEach((word, count) -> pieces.put(new ArrayList<>(List.of(word.split("(?<=.)"))), count));
        Map<String, Integer> tokens = new LinkedHashMap<>();
        SPECIAL.forEach(token -> tokens.put(token, tokens.size()));
        for (int b = 0; b < 256; b++) {
            tokens.put(String.valueOf(visible(b)), tokens.size());
        }
        List<String> merges = new ArrayList<>();
        while (tokens.size() < vocabulary) {
            Map<String, Integer> pairs = new TreeMap<>();
            pieces.forEach((word, count) -> {
                for (int i = 0; i + 1 < word.size(); i++) {
                    pairs.merge(word.get(i) + " " + word.get(i + 1), count, Integer::sum);
                }
            });
            String best = "";
            for (Map.Entry<String, Integer> pair : pairs.entrySet()) {
                if (best.isEmpty() || pair.getValue() > pairs.getOrDefault(best, 0)) {
                    best = pair.getKey();
                }
            }
            if (best.isEmpty() || pairs.getOrDefault(best, 0) < 2) {
                break;
            }
            merges.add(best);
            tokens.putIfAbsent(best.replace(" ", ""), tokens.size());
            Map<List<String>, Integer> merged = new LinkedHashMap<>();
            for (Map.Entry<List<String>, Integer> word : pieces.entrySet()) {
                merged.merge(merge(word.getKey(), best), word.getValue(), Integer::sum);
            }
            pieces.clear();
            pieces.putAll(merged);
        }
        write(tokens, merges, file);
    }

    private static List<String> merge(List<String> word, String pair) {
        String first = pair.substring(0, pair.indexOf(' '));
        String second = pair.substring(pair.indexOf(' ') + 1);
        List<String> merged = new ArrayList<>();
        for (int i = 0; i < word.size(); i++) {
            if (i + 1 < word.size()
                    && word.get(i).equals(first)
                    && word.get(i + 1).equals(second)) {
                merged.add(first + second);
                i++;
            } else {
                merged.add(word.get(i));
            }
        }
        return merged;
    }

    private static void write(Map<String, Integer> tokens, List<String> merges, Path file) throws IOException {
        ObjectMapper json = new ObjectMapper();
        ObjectNode root = json.createObjectNode();
        root.put("version", "1.0");
        root.putNull("truncation");
        root.putNull("padding");
        ArrayNode added = root.putArray("added_tokens");
        for (int id = 0; id < SPECIAL.size(); id++) {
            added.addObject()
                    .put("id", id)
                    .put("content", SPECIAL.get(id))
                    .put("single_word", false)
                    .put("lstrip", false)
                    .put("rstrip", false)
                    .put("normalized", false)
                    .put("special", true);
        }
        root.putNull("normalizer");
        for (String part : List.of("pre_tokenizer", "decoder")) {
            root.putObject(part)
                    .put("type", "ByteLevel")
                    .put("add_prefix_space", false)
                    .put("trim_offsets", true)
                    .put("use_regex", true);
        }
        beginTokenFirst(root.putObject("post_processor"));
        ObjectNode model = root.putObject("model");
        model.put("type", "BPE");
        ObjectNode vocabulary = model.putObject("vocab");
        tokens.forEach(vocabulary::put);
        merges.forEach(model.putArray("merges")::add);
        Files.writeString(file, json.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n");
    }

    private static void beginTokenFirst(ObjectNode processor) {
        String begin = SPECIAL.getFirst();
        processor.put("type", "TemplateProcessing");
        ArrayNode single = processor.putArray("single");
        single.addObject().putObject("SpecialToken").put("id", begin).put("type_id", 0);
        single.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
        ArrayNode pair = processor.putArray("pair").addAll(single);
        pair.addObject().putObject("Sequence").put("id", "B").put("type_id", 1);
        ObjectNode token = processor.putObject("special_tokens").putObject(begin);
        token.put("id", begin);
        token.putArray("ids").add(0);
        token.putArray("tokens").add(begin);
    }

    private static String visible(String text) {
        StringBuilder visible = new StringBuilder();
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            visible.append(visible(b & 0xff));
        }
        return visible.toString();
    }

    /// GPT-2's printable stand-in for a byte.
    private static char visible(int b) {
        return VISIBLE.getOrDefault(b, (char) b);
    }

    private static final Map<Integer, Character> VISIBLE = visibleBytes();

    private static Map<Integer, Character> visibleBytes() {
        Map<Integer, Character> visible = new HashMap<>();
        int next = 256;
        for (int b = 0; b < 256; b++) {
            boolean printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
            visible.put(b, (char) (printable ? b : next++));
        }
        return visible;
    }
}
