package dev.sotto.training.djl;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.training.checkpoint.BpeTrainer;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.Safetensors;
import dev.sotto.training.data.Batch;
import dev.sotto.training.demo.DemoText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;

/// Makes a small base model from nothing: a tokenizer and a Llama of 0.7 million parameters beside its
/// embedding. The same seed gives the same files on the same kind of machine.
public final class Pretrainer {
    private static final int BATCH = 16;
    private static final double RATE = 3e-3;

    private Pretrainer() {}

    /// What a model is made from.
    ///
    /// @param paragraph  the next piece of text, whose length is free
    /// @param vocabulary of the tokenizer, at least 300
    /// @param length     tokens of a row, at most 256: what the model can look back on afterwards
    public record Text(Function<SplittableRandom, String> paragraph, int vocabulary, int length) {
        /// The demo's world.
        public static final Text DEMO = new Text(DemoText::paragraph, 900, 96);
    }

    /// Trains for `steps` steps and writes a Hugging Face checkpoint folder.
    public static void run(Path folder, Text text, int steps, long seed, Trainer.Progress progress)
            throws IOException, InvalidFile, NativeLibraryUnavailable {
        Files.createDirectories(folder);
        SplittableRandom random = new SplittableRandom(seed);
        List<String> sample = new ArrayList<>();
        for (int i = 0; i < 4000; i++) {
            sample.add(text.paragraph().apply(random));
        }
        BpeTrainer.train(sample, text.vocabulary(), folder.resolve("tokenizer.json"));
        Files.writeString(folder.resolve("tokenizer_config.json"), """
                {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
                """);
        writeConfig(folder, text.vocabulary());
        LlamaConfig config = LlamaConfig.read(folder);
        try (Model model = Model.untrained(config);
                Tokenizer tokenizer = Tokenizer.load(folder)) {
            Map<String, List<Integer>> shapes = config.weights();
            float[] weights = initial(shapes, random);
            AdamW optimiser = new AdamW(weights.length);
            Stream stream = new Stream(tokenizer, config, text, random);
            boolean on = true;
            for (int step = 0; on && step < steps; step++) {
                Model.Gradient made = model.pretrainingGradient(stream.next(), weights);
                double warm = Math.min(1, (step + 1) / 50.0);
                double rate = RATE * warm * 0.5 * (1 + Math.cos(Math.PI * step / steps));
                double norm = optimiser.step(weights, made.gradient(), rate, 0.01, 1.0);
                on = progress.step(new Trainer.Step(step + 1, steps, made.loss(), norm, (long) BATCH * text.length()));
            }
            Safetensors.write(folder.resolve("model.safetensors"), tensors(shapes, weights));
        }
    }

    private static void writeConfig(Path folder, int vocabulary) throws IOException {
        ObjectMapper json = new ObjectMapper();
        ObjectNode config = json.createObjectNode();
        config.putArray("architectures").add("LlamaForCausalLM");
        config.put("model_type", "llama");
        config.put("hidden_act", "silu");
        config.put("hidden_size", 128);
        config.put("intermediate_size", 352);
        config.put("num_hidden_layers", 4);
        config.put("num_attention_heads", 4);
        config.put("num_key_value_heads", 2);
        config.put("head_dim", 32);
        config.put("max_position_embeddings", 256);
        config.put("rms_norm_eps", 1e-5);
        config.put("rope_theta", 10000.0);
        config.put("tie_word_embeddings", true);
        config.put("attention_bias", false);
        config.put("mlp_bias", false);
        config.put("vocab_size", vocabulary);
        config.put("bos_token_id", 0);
        config.put("eos_token_id", 1);
        config.put("pad_token_id", 2);
        config.put("dtype", "float32");
        Files.writeString(
                folder.resolve("config.json"),
                json.writerWithDefaultPrettyPrinter().writeValueAsString(config) + "\n");
    }

    /// Norms 1, everything else normal with deviation 0.02, as Hugging Face initialises Llama.
    private static float[] initial(Map<String, List<Integer>> shapes, SplittableRandom random) {
        int size = shapes.values().stream().mapToInt(Pretrainer::size).sum();
        float[] weights = new float[size];
        int at = 0;
        for (Map.Entry<String, List<Integer>> entry : shapes.entrySet()) {
            int end = at + size(entry.getValue());
            for (; at < end; at++) {
                weights[at] = entry.getValue().size() == 1 ? 1 : (float) (0.02 * random.nextGaussian());
            }
        }
        return weights;
    }

    private static int size(List<Integer> shape) {
        return shape.stream().reduce(1, (a, b) -> a * b);
    }

    private static Map<String, Safetensors.Tensor> tensors(Map<String, List<Integer>> shapes, float[] weights) {
        Map<String, Safetensors.Tensor> tensors = new LinkedHashMap<>();
        int at = 0;
        for (Map.Entry<String, List<Integer>> entry : shapes.entrySet()) {
            int size = size(entry.getValue());
            tensors.put(
                    entry.getKey(),
                    new Safetensors.Tensor(entry.getValue(), Arrays.copyOfRange(weights, at, at + size)));
            at += size;
        }
        return tensors;
    }

    /// Endless text as batches of full rows.
    private static final class Stream {
        private final Tokenizer tokenizer;
        private final LlamaConfig config;
        private final Text text;
        private final SplittableRandom random;
        private final List<Integer> queue = new ArrayList<>();

        Stream(Tokenizer tokenizer, LlamaConfig config, Text text, SplittableRandom random) {
            this.tokenizer = tokenizer;
            this.config = config;
            this.text = text;
            this.random = random;
        }

        Batch next() {
            int length = text.length();
            int[][] tokens = new int[BATCH][length];
            int[][] targets = new int[BATCH][length];
            for (int row = 0; row < BATCH; row++) {
                while (queue.size() < length + 1) {
                    queue.add(config.beginToken());
                    for (int token :
                            tokenizer.encode(text.paragraph().apply(random)).ids()) {
                        queue.add(token);
                    }
                    queue.add(config.endToken());
                }
                for (int i = 0; i < length; i++) {
                    tokens[row][i] = queue.get(i);
                    targets[row][i] = queue.get(i + 1);
                }
                queue.subList(0, length).clear();
            }
            return new Batch(tokens, targets);
        }
    }
}
