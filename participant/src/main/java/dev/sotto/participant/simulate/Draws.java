package dev.sotto.participant.simulate;

import dev.sotto.crypto.primitive.AesCtr;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import java.util.SplittableRandom;

/// All that an experiment draws follows from its seed and from what is drawn, so that no draw depends on what
/// was drawn before: a run that was killed goes on with the same ones.
final class Draws {
    private Draws() {}

    /// A number for anything that takes a seed.
    ///
    /// @param of what is drawn, and for what: texts and whole numbers
    static long number(Object... of) {
        return bytes(of).view().getLong();
    }

    /// 32 bytes.
    static Bytes bytes(Object... of) {
        return Enc.hash("sotto simulate", Enc.of(of));
    }

    /// A generator.
    static SplittableRandom random(Object... of) {
        return new SplittableRandom(number(of));
    }

    /// In the place of a federation's randomness. It protects nothing: anybody can draw it again.
    static Randomness randomness(Object... of) {
        Secret key = Secret.take(bytes(of).toArray());
        AesCtr stream = new AesCtr(key, 0);
        return new Randomness() {
            @Override
            public synchronized void fill(byte[] target) {
                stream.next(target, target.length);
            }
        };
    }
}
