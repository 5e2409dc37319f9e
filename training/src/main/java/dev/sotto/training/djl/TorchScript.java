package dev.sotto.training.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/// The methods of `decoder.py`, which PyTorch compiles when it starts: DJL's own operations have no bf16, no
/// fused attention and no fused norm.
///
/// Arguments follow DJL's naming of arrays: one without a name is a tensor, those named `w.<key>` are one
/// dictionary, in the place of the first. One thread at a time.
final class TorchScript {
    private static final String CLASS = "Decoder";

    private final NDManager root;
    private final PtSymbolBlock block;
    private final Map<String, NDArray> methods = new HashMap<>();

    /// Compiles the methods; they are freed with `root`.
    TorchScript(NDManager root) {
        this.root = root;
        try (InputStream source = Objects.requireNonNull(TorchScript.class.getResourceAsStream("decoder.py"))) {
            byte[] archive = archive(source.readAllBytes());
            this.block = JniUtils.loadModule((PtNDManager) root, new ByteArrayInputStream(archive), false, false);
        } catch (IOException e) {
            throw new UncheckedIOException("decoder.py is part of this library", e);
        }
    }

    /// Turns autograd on or off for the calling thread, and TorchScript's own optimiser off, with which a bf16
    /// backward fails.
    static void record(boolean gradients) {
        JniUtils.setGraphExecutorOptimize(false);
        JniUtils.setGradMode(gradients);
    }

    /// Calls a method with one result, which belongs to the manager of the first argument.
    NDArray call(String method, NDArray first, Object... others) {
        return callAll(method, first, others).head();
    }

    /// Calls a method.
    ///
    /// @param others arrays, and lists of arrays
    NDList callAll(String method, NDArray first, Object... others) {
        NDList arguments = new NDList(first);
        for (Object other : others) {
            if (other instanceof NDArray array) {
                arguments.add(array);
            } else {
                ((List<?>) other).forEach(array -> arguments.add((NDArray) array));
            }
        }
        arguments.add(methods.computeIfAbsent(method, name -> {
            NDArray marker = root.zeros(new Shape(1));
            marker.setName("module_method:" + name);
            return marker;
        }));
        return IValueUtils.forward(block, arguments, true);
    }

    /// An array as the entry `key` of the dictionary.
    static NDArray named(String key, NDArray array) {
        array.setName("w." + key);
        return array;
    }

    /// What `torch.jit.save` would write for an object of a class without attributes: its pickled state, its
    /// source, no constants, and the format's version.
    private static byte[] archive(byte[] source) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            String state = "\u0080\u0002c__torch__\n" + CLASS + "\nq\u0000)\u0081}(X\u0008\u0000\u0000\u0000training"
                    + "q\u0001\u0089ubq\u0002.";
            entry(zip, "data.pkl", state.getBytes(StandardCharsets.ISO_8859_1));
            entry(zip, "code/__torch__.py", source);
            entry(zip, "constants.pkl", "\u0080\u0002).".getBytes(StandardCharsets.ISO_8859_1));
            entry(zip, "version", "3\n".getBytes(StandardCharsets.ISO_8859_1));
        }
        return bytes.toByteArray();
    }

    /// PyTorch reads entries that are stored, not compressed.
    private static void entry(ZipOutputStream zip, String name, byte[] content) throws IOException {
        CRC32 sum = new CRC32();
        sum.update(content);
        ZipEntry entry = new ZipEntry("decoder/" + name);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(content.length);
        entry.setCrc(sum.getValue());
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }
}
