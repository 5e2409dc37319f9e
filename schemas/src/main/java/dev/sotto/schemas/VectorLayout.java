package dev.sotto.schemas;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// One vector of a round: its tensors one after the other.
///
/// @param name     `adapter`, `control` or `scalars`
/// @param weighted whether each member's coordinates are scaled by its weight
/// @param tensors  in order; names differ
public record VectorLayout(String name, boolean weighted, List<TensorLayout> tensors) {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public VectorLayout {
        Wire.name(name, "vector name");
        tensors = Wire.count(tensors, 1, Limits.TENSORS, "tensors of " + name);
        Set<String> names = new HashSet<>();
        long size = 0;
        for (TensorLayout tensor : tensors) {
            if (!names.add(tensor.name())) {
                throw new IllegalArgumentException("vector " + name + " names tensor " + tensor.name() + " twice");
            }
            size = Wire.range(size + tensor.size(), 1, Limits.COORDINATES, "size of vector " + name);
        }
    }

    /// The number of coordinates.
    public long size() {
        return tensors.stream().mapToLong(TensorLayout::size).sum();
    }

    dev.sotto.schemas.proto.Vector wire() {
        return dev.sotto.schemas.proto.Vector.newBuilder()
                .setName(name)
                .setWeighted(weighted)
                .addAllTensors(tensors.stream().map(TensorLayout::wire).toList())
                .build();
    }

    static VectorLayout of(dev.sotto.schemas.proto.Vector wire) throws MalformedMessage {
        return new VectorLayout(wire.getName(), wire.getWeighted(), Wire.map(wire.getTensorsList(), TensorLayout::of));
    }
}
