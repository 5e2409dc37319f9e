package dev.sotto.schemas.fuzz;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/// Small changes of known inputs, drawn with a fixed seed: the short run that every build makes without Jazzer.
final class Mutations {
    private static final int MOST_CHANGES = 4;

    private final SplittableRandom random;
    private final List<byte[]> inputs;

    Mutations(long seed, List<byte[]> inputs) {
        this.random = new SplittableRandom(seed);
        this.inputs = inputs;
    }

    byte[] next() {
        byte[] mutated = any();
        for (int changes = 1 + random.nextInt(MOST_CHANGES); changes > 0; changes--) {
            mutated = change(mutated);
        }
        return mutated;
    }

    private byte[] change(byte[] input) {
        if (input.length == 0) {
            return bytes(1 + random.nextInt(16));
        }
        int at = random.nextInt(input.length);
        int length = Math.min(1 + random.nextInt(8), input.length - at);
        byte[] changed = input.clone();
        return switch (random.nextInt(8)) {
            case 0 -> {
                changed[at] ^= (byte) (1 << random.nextInt(8));
                yield changed;
            }
            case 1 -> {
                changed[at] = (byte) random.nextInt(256);
                yield changed;
            }
            // The ends of what a byte, a varint or a length can say.
            case 2 -> {
                Arrays.fill(changed, at, at + length, random.nextBoolean() ? (byte) 0xff : (byte) 0);
                yield changed;
            }
            case 3 -> {
                changed[at] += (byte) (random.nextBoolean() ? 1 : -1);
                yield changed;
            }
            case 4 -> join(input, at, new byte[0], at + length);
            case 5 -> join(input, at, bytes(length), at);
            case 6 -> join(input, at, Arrays.copyOfRange(input, at, at + length), at);
            default -> {
                byte[] other = any();
                yield join(
                        input, at, Arrays.copyOfRange(other, Math.min(at, other.length), other.length), input.length);
            }
        };
    }

    /// `input` to `from`, `between`, then `input` from `to`.
    private static byte[] join(byte[] input, int from, byte[] between, int to) {
        byte[] joined = Arrays.copyOf(input, from + between.length + input.length - to);
        System.arraycopy(between, 0, joined, from, between.length);
        System.arraycopy(input, to, joined, from + between.length, input.length - to);
        return joined;
    }

    private byte[] any() {
        return inputs.get(random.nextInt(inputs.size()));
    }

    private byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }
}
