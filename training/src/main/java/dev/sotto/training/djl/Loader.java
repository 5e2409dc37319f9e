package dev.sotto.training.djl;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.engine.StandardCapabilities;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.Safetensors;
import dev.sotto.training.checkpoint.Weights;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Brings weights from a checkpoint into the form that they are computed with.
final class Loader {
    /// The 16 values of NF4 (Dettmers et al., 2023, appendix E).
    static final float[] NF4 = {
        -1.0f,
        -0.6961928f,
        -0.52507305f,
        -0.3949175f,
        -0.28444138f,
        -0.18477343f,
        -0.091050036f,
        0.0f,
        0.0795803f,
        0.1609302f,
        0.2461123f,
        0.33791524f,
        0.44070983f,
        0.562617f,
        0.72295684f,
        1.0f
    };

    /// How many weights share one absolute maximum.
    private static final int BLOCK = 64;

    private final Execution execution;
    private final ai.djl.Device device;
    private final NDManager root;
    private final NDManager host;
    private final TorchScript script;
    private final List<NDArray> constants = new ArrayList<>();

    private Loader(Execution execution, Engine engine, ai.djl.Device device) {
        this.execution = execution;
        this.device = device;
        this.root = engine.newBaseManager(device);
        this.host = engine.newBaseManager(ai.djl.Device.cpu());
        root.attachInternal("host", host);
        this.script = new TorchScript(root);
        TorchScript.record(false);
        constants.add(TorchScript.named("compute", computed(new float[1], new Shape())));
        if (execution.base() == Execution.Base.NF4) {
            constants.add(TorchScript.named("nf4", pairs()));
        }
    }

    /// Starts PyTorch without any network: no download, no telemetry.
    private static Engine engine() throws NativeLibraryUnavailable {
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
        try {
            return Engine.getEngine("PyTorch");
        } catch (EngineException | UnsatisfiedLinkError e) {
            throw new NativeLibraryUnavailable(e);
        }
    }

    /// Whether PyTorch is one for CUDA and sees a graphics card. DJL's own count asks a CUDA runtime that it looks
    /// for by name, which a libtorch names otherwise.
    static boolean seesCard() throws NativeLibraryUnavailable {
        return engine().hasCapability(StandardCapabilities.CUDA);
    }

    /// Starts PyTorch on a device.
    ///
    /// @throws NativeLibraryUnavailable if it, or the device, is not there
    static Loader start(Execution execution) throws NativeLibraryUnavailable {
        Engine engine = engine();
        if (!(execution.device() instanceof Device.Cuda(int index))) {
            return new Loader(execution, engine, ai.djl.Device.cpu());
        }
        if (!seesCard()) {
            throw new NativeLibraryUnavailable(
                    execution.device(),
                    "PyTorch is not one for CUDA, or sees no graphics card here; docs/gpu.md tells how to set it up");
        }
        // PyTorch keeps the index in a byte.
        if (index > Byte.MAX_VALUE) {
            throw new NativeLibraryUnavailable(execution.device(), "PyTorch counts no further than " + Byte.MAX_VALUE);
        }
        try {
            return new Loader(execution, engine, ai.djl.Device.gpu(index));
        } catch (EngineException e) {
            int cards = cards(engine);
            throw new NativeLibraryUnavailable(
                    execution.device(),
                    index < cards
                            ? String.valueOf(e.getMessage())
                            : "PyTorch sees " + cards + (cards == 1 ? " graphics card" : " graphics cards")
                                    + " here, counted from cuda:0");
        }
    }

    /// Makes sure that PyTorch computes on a device.
    ///
    /// @throws NativeLibraryUnavailable if it, or the device, is not there
    static void require(Device device) throws NativeLibraryUnavailable {
        start(new Execution(device, Execution.Compute.FP32, Execution.Base.PLAIN, false))
                .root
                .close();
    }

    /// How many cards can be computed on. PyTorch does not say that to DJL, so each is tried.
    private static int cards(Engine engine) {
        int count = 0;
        while (count <= Byte.MAX_VALUE && holds(engine, ai.djl.Device.gpu(count))) {
            count++;
        }
        return count;
    }

    private static boolean holds(Engine engine, ai.djl.Device card) {
        try (NDManager manager = engine.newBaseManager(card)) {
            manager.zeros(new Shape(1));
            return true;
        } catch (EngineException e) {
            return false;
        }
    }

    Execution execution() {
        return execution;
    }

    NDManager root() {
        return root;
    }

    TorchScript script() {
        return script;
    }

    Transfer transfer() {
        return new Transfer(script, host, device.isGpu());
    }

    /// What every call needs beside weights.
    List<NDArray> constants() {
        return constants;
    }

    /// Both weights of a byte, for each of its 256 values: 256 × 2.
    private NDArray pairs() {
        float[] pairs = new float[512];
        for (int i = 0; i < 256; i++) {
            pairs[2 * i] = NF4[i >> 4];
            pairs[2 * i + 1] = NF4[i & 15];
        }
        return root.create(pairs, new Shape(256, 2));
    }

    /// Values in the type of the computation.
    NDArray computed(float[] values, Shape shape) {
        return narrowed(root.create(values, shape));
    }

    /// An array in the type of the computation, in place of one in binary32.
    NDArray narrowed(NDArray array) {
        if (execution.compute() == Execution.Compute.FP32) {
            return array;
        }
        try (array) {
            return script.call("bf16", array);
        }
    }

    /// The arrays that stand for the tensors of a checkpoint. If any of them is in the mapped files, these stay
    /// mapped as long as the model is open.
    ///
    /// @throws InvalidFile if the checkpoint is not what it must be, or cannot be quantised
    Map<String, NDArray> load(Path folder, LlamaConfig config) throws IOException, InvalidFile {
        Map<String, NDArray> weights = new LinkedHashMap<>();
        Weights files = Weights.open(folder, config);
        root.attachInternal("files", files);
        for (String name : config.weights().keySet()) {
            load(name, files.get(name), weights);
        }
        if (execution.compute() != Execution.Compute.FP32) {
            root.detachInternal("files");
            files.close();
        }
        return weights;
    }

    private void load(String name, Safetensors.Mapped tensor, Map<String, NDArray> weights) throws InvalidFile {
        TorchScript.record(false);
        boolean bits = execution.compute() == Execution.Compute.BF16 && tensor.type() == Safetensors.Type.BF16;
        if (name.endsWith("norm.weight")) {
            try (NDArray norm = binary32(tensor)) {
                weights.put(name, norm.duplicate());
            }
        } else if (name.endsWith("_proj.weight") && execution.base() != Execution.Base.PLAIN) {
            try (NDArray full = bits ? bits(tensor) : binary32(tensor)) {
                quantise(name, full, tensor.file(), weights);
            }
            NativeHeap.trim();
        } else {
            weights.put(name, bits ? bits(tensor) : narrowed(binary32(tensor)));
        }
    }

    private void quantise(String name, NDArray full, Path file, Map<String, NDArray> weights) throws InvalidFile {
        String module = name.substring(0, name.length() - ".weight".length());
        if (execution.base() == Execution.Base.INT8) {
            NDList made = script.callAll("int8", full);
            weights.put(module + ".int8", made.get(0));
            weights.put(module + ".scale", narrowed(made.get(1)));
            return;
        }
        if (full.size() % BLOCK != 0) {
            throw new InvalidFile(
                    file, name + " has " + full.size() + " values, must be a multiple of " + BLOCK + " for NF4");
        }
        try (NDArray table = root.create(NF4)) {
            NDList made = script.callAll("nf4", full, table);
            weights.put(module + ".nf4", made.get(0));
            weights.put(module + ".absmax", made.get(1));
            weights.put(module + ".absmax_scale", made.get(2));
            weights.put(module + ".absmax_mean", made.get(3));
        }
    }

    /// In the mapped file where that is possible.
    private NDArray binary32(Safetensors.Mapped tensor) {
        Shape shape = shape(tensor, 1);
        boolean aligned =
                tensor.bytes().alignedSlice(4).capacity() == tensor.bytes().capacity();
        if (tensor.type() == Safetensors.Type.F32 && aligned) {
            return onDevice(host.create(tensor.bytes(), shape, DataType.FLOAT32));
        }
        NDArray array = host.create(shape, DataType.FLOAT32);
        array.toByteBuffer(true).order(ByteOrder.nativeOrder()).asFloatBuffer().put(tensor.values());
        return onDevice(array);
    }

    private NDArray bits(Safetensors.Mapped tensor) {
        try (NDArray bytes = onDevice(host.create(tensor.bytes(), shape(tensor, 2), DataType.UINT8))) {
            return script.call("bits_as_bf16", bytes);
        }
    }

    private static Shape shape(Safetensors.Mapped tensor, int width) {
        long[] shape = tensor.shape().stream().mapToLong(i -> i).toArray();
        shape[shape.length - 1] *= width;
        return new Shape(shape);
    }

    private NDArray onDevice(NDArray array) {
        if (device.isGpu()) {
            try (array) {
                NDArray copy = array.toDevice(device, true);
                copy.attach(root);
                return copy;
            }
        }
        array.attach(root);
        return array;
    }
}
