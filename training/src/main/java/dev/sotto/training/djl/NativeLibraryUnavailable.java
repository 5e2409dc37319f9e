package dev.sotto.training.djl;

/// PyTorch cannot be started on this machine, or not for this device: no native library for it, or nowhere to
/// unpack it.
public final class NativeLibraryUnavailable extends Exception {
    private static final long serialVersionUID = 1L;

    NativeLibraryUnavailable(Throwable cause) {
        super(
                "PyTorch does not start: its native library is missing for this system, or the folder that DJL_CACHE_DIR names"
                        + " (default ~/.djl.ai) cannot be written: " + cause.getMessage(),
                cause);
    }

    NativeLibraryUnavailable(Device device, String reason) {
        super(device + " is not available: " + reason);
    }
}
