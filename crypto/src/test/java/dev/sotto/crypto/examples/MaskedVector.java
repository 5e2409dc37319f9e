package dev.sotto.crypto.examples;

import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.NotFinite;
import dev.sotto.crypto.fixedpoint.Rounding;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.mask.MaskStream;
import dev.sotto.crypto.mask.MaskStream.Term;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.util.List;

/// Three updates, encoded, masked in pairs, and added: the arithmetic of a round without its messages.
final class MaskedVector {
    private MaskedVector() {}

    // example: masked-vector
    static double[] mean(float[] acme, float[] bank, float[] court) throws NotFinite, AggregateOutOfRange {
        Randomness randomness = Randomness.secure();
        // One tensor of four numbers, each clipped to ±2^0. Unweighted: every member counts the same.
        TensorLayout tensor = new TensorLayout("w", List.of(4), 0);
        VectorLayout layout = new VectorLayout("adapter", false, List.of(tensor));
        Ring ring = Ring.K24;
        FixedPoint codec = new FixedPoint(ring, layout, 3, 1);
        int bytes = 4 * ring.wordBytes();
        byte[] sum = new byte[bytes];
        try (Secret acmeBank = randomness.secret(32);
                Secret acmeCourt = randomness.secret(32);
                Secret bankCourt = randomness.secret(32)) {
            MaskStream masks = new MaskStream();
            // Of two members the first adds what the other subtracts.
            List<List<Term>> terms = List.of(
                    List.of(new Term(acmeBank, true), new Term(acmeCourt, true)),
                    List.of(new Term(acmeBank, false), new Term(bankCourt, true)),
                    List.of(new Term(acmeCourt, false), new Term(bankCourt, false)));
            List<float[]> updates = List.of(acme, bank, court);
            for (int i = 0; i < 3; i++) {
                codec.requireFinite(updates.get(i));
                byte[] packed = new byte[bytes];
                try (Secret key = randomness.secret(Rounding.KEY);
                        Rounding rounding = new Rounding(key, 0)) {
                    int clipped = codec.encode(updates.get(i), 0, 1, rounding, packed);
                    assert clipped == 0;
                }
                masks.apply(ring, packed, bytes, 0, terms.get(i));
                ring.add(sum, packed, bytes); // all that whoever adds sees of this member
            }
        }
        // Three survivors of weight 1; no losses, nothing clipped.
        return codec.mean(sum, 0, new Totals(3, 3, 0, 0, 0, 0));
    }
    // end
}
