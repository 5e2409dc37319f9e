package dev.sotto.training.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import org.jspecify.annotations.Nullable;

/// Brings an adapter to the device and its gradient back.
///
/// For a graphics card through one page-locked array that is kept, which it reads and writes by itself. Memory that is
/// allocated for every step takes several times as long, most of it page faults. One thread at a time.
final class Transfer {
    private final TorchScript script;
    private final NDManager host;
    private final boolean card;
    private @Nullable NDArray locked;

    /// @param host owns the page-locked array
    Transfer(TorchScript script, NDManager host, boolean card) {
        this.script = script;
        this.host = host;
        this.card = card;
    }

    /// Values as an array of `manager`, on its device.
    NDArray upload(NDManager manager, float[] values) {
        if (!card) {
            return manager.create(values);
        }
        NDArray from = locked(values.length);
        from.toByteBuffer(true).asFloatBuffer().put(values);
        return copy(manager.create(new Shape(values.length)), from);
    }

    /// The values of an array of one dimension.
    float[] download(NDArray array) {
        if (!card) {
            return array.toFloatArray();
        }
        float[] values = new float[Math.toIntExact(array.size())];
        try (NDArray copy = copy(locked(values.length), array)) {
            copy.toByteBuffer(true).asFloatBuffer().get(values);
        }
        return values;
    }

    /// Returns when it is done.
    private NDArray copy(NDArray to, NDArray from) {
        return script.call("copy", to, from);
    }

    private NDArray locked(int length) {
        NDArray known = locked;
        if (known != null && known.size() == length) {
            return known;
        }
        if (known != null) {
            known.close();
        }
        try (NDArray like = host.create(new Shape(length))) {
            NDArray made = script.call("locked", like);
            locked = made;
            return made;
        }
    }
}
