package dev.sotto.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.sotto.schemas.RevealedShares.Share;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Shares are written and read without the generated classes, which are the cross-check here.
class RevealedSharesTest {
    private static byte[] filled(int value, int size) {
        byte[] bytes = new byte[size];
        Arrays.fill(bytes, (byte) value);
        return bytes;
    }

    private static Share share(String owner, int value) {
        return new Share(owner, filled(value, 32), filled(value + 1, 32));
    }

    private static dev.sotto.schemas.proto.RevealedShares.Share generated(String owner, int value, int size) {
        return dev.sotto.schemas.proto.RevealedShares.Share.newBuilder()
                .setOwner(owner)
                .setShare(ByteString.copyFrom(filled(value, size)))
                .setSalt(ByteString.copyFrom(filled(value + 1, size)))
                .build();
    }

    private static dev.sotto.schemas.proto.RevealedShares.Builder generated() {
        return dev.sotto.schemas.proto.RevealedShares.newBuilder()
                .addSelfShares(generated("bank", 1, 32))
                .addSelfShares(generated("clinic", 3, 32))
                .addMaskShares(generated("court", 5, 32));
    }

    @Test
    void encode_sharesOfBothKinds_isWhatTheGeneratedClassesWrite() throws Exception {
        RevealedShares shares =
                new RevealedShares(List.of(share("bank", 1), share("clinic", 3)), List.of(share("court", 5)));
        byte[] plain = shares.encode();
        assertThat(plain).isEqualTo(generated().build().toByteArray());
        RevealedShares parsed = RevealedShares.parse(plain);
        assertThat(parsed.encode()).isEqualTo(plain);
        assertThat(parsed.selfShares()).extracting(Share::owner).containsExactly("bank", "clinic");
        assertThat(parsed.maskShares().getFirst().share()).isEqualTo(filled(5, 32));
        assertThat(parsed.maskShares().getFirst().salt()).isEqualTo(filled(6, 32));
        assertThat(RevealedShares.parse(new byte[0]).selfShares()).isEmpty();
    }

    @Test
    void parse_whatIsNotExactlyOneCanonicalMessage_isRefused() {
        byte[] good = generated().build().toByteArray();
        assertRefused(Arrays.copyOf(good, good.length - 1));
        assertRefused(Arrays.copyOf(good, good.length + 1));
        assertRefused(
                generated().addSelfShares(generated("bank", 1, 32)).build().toByteArray());
        assertRefused(
                generated().addMaskShares(generated("bank", 1, 32)).build().toByteArray());
        assertRefused(generated().addMaskShares(generated("zoo", 1, 31)).build().toByteArray());
        assertRefused(generated().addMaskShares(generated("", 1, 32)).build().toByteArray());
        assertRefused(
                generated().addMaskShares(generated("No Id", 1, 32)).build().toByteArray());
        // A tag of an unknown field, of another type, a share without anything, a length beyond the end, one below
        // zero.
        for (String tail : List.of("1a00", "0801", "1200", "127f", "12ffffffff0f")) {
            byte[] more = Bytes.fromHex(tail).toArray();
            byte[] longer = Arrays.copyOf(good, good.length + more.length);
            System.arraycopy(more, 0, longer, good.length, more.length);
            assertRefused(longer);
        }
        // Inside a share: an unknown field, the owner twice, fields in another order, an owner that is no UTF-8.
        Bytes inner = Bytes.of(generated("bank", 1, 32).toByteArray());
        assertRefused(one(inner.hex() + "2200"));
        assertRefused(one("0a0462616e6b" + inner.hex()));
        assertRefused(one(inner.slice(6, inner.size()).hex() + "0a0462616e6b"));
        assertRefused(one("0a02c328" + inner.slice(6, inner.size()).hex()));
        assertThat(inner.hex()).startsWith("0a0462616e6b");
    }

    private static byte[] one(String inner) {
        byte[] bytes = Bytes.fromHex(inner).toArray();
        return Bytes.fromHex("0a" + String.format("%02x", bytes.length) + inner).toArray();
    }

    private static void assertRefused(byte[] plain) {
        assertThatThrownBy(() -> RevealedShares.parse(plain))
                .as(Bytes.of(plain).hex())
                .isInstanceOf(MalformedMessage.class);
    }

    @Test
    void close_wipesEveryShare_andNothingPrints() {
        Share self = share("bank", 1);
        Share mask = share("court", 5);
        RevealedShares shares = new RevealedShares(List.of(self), List.of(mask));
        assertThat(shares.toString()).contains("bank", "redacted").doesNotContain("[1, 1");
        shares.close();
        for (Share share : List.of(self, mask)) {
            assertThat(share.share()).containsOnly(0);
            assertThat(share.salt()).containsOnly(0);
        }
        byte[] refused = filled(9, 31);
        assertThatThrownBy(() -> new Share("bank", refused, filled(9, 32)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(refused).containsOnly(0);
    }
}
