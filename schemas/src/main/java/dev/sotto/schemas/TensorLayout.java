package dev.sotto.schemas;

import java.util.List;

/// One tensor of a vector.
///
/// @param name          its name in PEFT's files, or of a scalar group
/// @param shape         its dimensions, each at least 1
/// @param rangeExponent coordinates are clipped to ±2^rangeExponent; −126 to 127
public record TensorLayout(String name, List<Integer> shape, int rangeExponent) {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public TensorLayout {
        Wire.name(name, "tensor name");
        shape = Wire.count(shape, 1, Limits.DIMENSIONS, "shape of " + name);
        long size = 1;
        for (int dimension : shape) {
            Wire.range(dimension, 1, Integer.MAX_VALUE, "dimension of " + name);
            size = Wire.range(
                    Math.multiplyHigh(size, dimension) == 0 ? size * dimension : -1,
                    1,
                    Limits.COORDINATES,
                    "size of " + name);
        }
        Wire.range(rangeExponent, -126, 127, "range exponent of " + name);
    }

    /// The number of coordinates.
    public long size() {
        long size = 1;
        for (int dimension : shape) {
            size *= dimension;
        }
        return size;
    }

    /// r = 2^rangeExponent.
    public double range() {
        return Math.scalb(1.0, rangeExponent);
    }

    dev.sotto.schemas.proto.Tensor wire() {
        return dev.sotto.schemas.proto.Tensor.newBuilder()
                .setName(name)
                .addAllShape(shape)
                .setRangeExponent(rangeExponent)
                .build();
    }

    static TensorLayout of(dev.sotto.schemas.proto.Tensor wire) {
        return new TensorLayout(wire.getName(), wire.getShapeList(), wire.getRangeExponent());
    }
}
