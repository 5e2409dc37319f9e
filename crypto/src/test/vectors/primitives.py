"""The primitives of protocol §3 from their standards, with Python's standard library alone: X25519 (RFC 7748), Ed25519
(RFC 8032), ML-KEM-768 (FIPS 203), X-Wing (draft-connolly-cfrg-xwing-kem), AES-256 (FIPS 197), GCM (SP 800-38D), HKDF (RFC 5869) and HPKE's base mode
(RFC 9180). Slow, not constant-time, for vectors only.
"""

import hashlib
import hmac
import struct


def sha256(data):
    return hashlib.sha256(data).digest()


def extract(salt, ikm):
    return hmac.new(salt or bytes(32), ikm, hashlib.sha256).digest()


def expand(prk, info, size):
    out, block, i = b"", b"", 1
    while len(out) < size:
        block = hmac.new(prk, block + info + bytes([i]), hashlib.sha256).digest()
        out += block
        i += 1
    return out[:size]


def enc(*items):
    """enc of protocol §3."""
    out = b""
    for item in items:
        if isinstance(item, int):
            item = struct.pack(">q", item)
        elif isinstance(item, str):
            item = item.encode()
        out += struct.pack(">I", len(item)) + item
    return out


# ---- X25519 (RFC 7748, section 5) ----

P = 2**255 - 19


def x25519(scalar, u):
    k = bytearray(scalar)
    k[0] &= 248
    k[31] = (k[31] & 127) | 64
    k = int.from_bytes(k, "little")
    x1 = int.from_bytes(u, "little") & (2**255 - 1)
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


BASE = (9).to_bytes(32, "little")

# ---- Ed25519 (RFC 8032, section 5.1), signing ----

D = -121665 * pow(121666, P - 2, P) % P
ORDER = 2**252 + 27742317777372353535851937790883648493
BASE_Y = 4 * pow(5, P - 2, P) % P


def recover_x(y):
    """The even x of a point, section 5.1.3."""
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return P - x if x & 1 else x


BASE_X = recover_x(BASE_Y)


def ed_add(one, other):
    """In extended coordinates, section 5.1.4."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def ed_multiple(k):
    """k times the base point, encoded."""
    total, point = (0, 1, 1, 0), (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)
    while k:
        if k & 1:
            total = ed_add(total, point)
        point, k = ed_add(point, point), k >> 1
    inverse = pow(total[2], P - 2, P)
    x, y = total[0] * inverse % P, total[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def ed25519_secret(seed):
    hashed = hashlib.sha512(seed).digest()
    a = int.from_bytes(hashed[:32], "little") & (2**254 - 8) | 2**254
    return a, hashed[32:]


def ed25519_key(seed):
    return ed_multiple(ed25519_secret(seed)[0])


def ed25519_sign(seed, message):
    a, prefix = ed25519_secret(seed)
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % ORDER
    encoded = ed_multiple(r)
    k = int.from_bytes(hashlib.sha512(encoded + ed_multiple(a) + message).digest(), "little") % ORDER
    return encoded + ((r + k * a) % ORDER).to_bytes(32, "little")


# ---- ML-KEM-768 (FIPS 203) ----

Q, N, K = 3329, 256, 3
ETA, DU, DV = 2, 10, 4


def reverse7(i):
    return int(f"{i:07b}"[::-1], 2)


ZETA = [pow(17, reverse7(i), Q) for i in range(128)]
GAMMA = [pow(17, 2 * reverse7(i) + 1, Q) for i in range(128)]


def ntt(f):
    f, i, length = list(f), 1, 128
    while length >= 2:
        for start in range(0, 256, 2 * length):
            zeta, i = ZETA[i], i + 1
            for j in range(start, start + length):
                t = zeta * f[j + length] % Q
                f[j + length], f[j] = (f[j] - t) % Q, (f[j] + t) % Q
        length //= 2
    return f


def ntt_inverse(f):
    f, i, length = list(f), 127, 2
    while length <= 128:
        for start in range(0, 256, 2 * length):
            zeta, i = ZETA[i], i - 1
            for j in range(start, start + length):
                t = f[j]
                f[j], f[j + length] = (t + f[j + length]) % Q, zeta * (f[j + length] - t) % Q
        length *= 2
    return [x * 3303 % Q for x in f]


def multiply(f, g):
    h = [0] * 256
    for i in range(128):
        a, b, c, d = f[2 * i], f[2 * i + 1], g[2 * i], g[2 * i + 1]
        h[2 * i], h[2 * i + 1] = (a * c + b * d * GAMMA[i]) % Q, (a * d + b * c) % Q
    return h


def add(f, g):
    return [(a + b) % Q for a, b in zip(f, g)]


def sub(f, g):
    return [(a - b) % Q for a, b in zip(f, g)]


def inner(row, vector):
    total = [0] * 256
    for f, g in zip(row, vector):
        total = add(total, multiply(f, g))
    return total


def byte_encode(f, d):
    bits = sum(x << (d * i) for i, x in enumerate(f))
    return bits.to_bytes(32 * d, "little")


def byte_decode(data, d):
    bits, mask = int.from_bytes(data, "little"), (1 << d) - 1
    out = [bits >> (d * i) & mask for i in range(256)]
    return [x % Q for x in out] if d == 12 else out


def compress(f, d):
    return [((x << d) + Q // 2) // Q % (1 << d) for x in f]


def decompress(f, d):
    return [(x * Q + (1 << (d - 1))) >> d for x in f]


def sample_ntt(seed):
    stream, a, at = hashlib.shake_128(seed).digest(2000), [], 0
    while len(a) < 256:
        d1 = stream[at] + 256 * (stream[at + 1] % 16)
        d2 = stream[at + 1] // 16 + 16 * stream[at + 2]
        at += 3
        if d1 < Q:
            a.append(d1)
        if d2 < Q and len(a) < 256:
            a.append(d2)
    return a


def sample_cbd(seed, nonce):
    bits = int.from_bytes(hashlib.shake_256(seed + bytes([nonce])).digest(64 * ETA), "little")
    out = []
    for i in range(256):
        x = sum(bits >> (2 * i * ETA + j) & 1 for j in range(ETA))
        y = sum(bits >> (2 * i * ETA + ETA + j) & 1 for j in range(ETA))
        out.append((x - y) % Q)
    return out


def matrix(rho):
    return [[sample_ntt(rho + bytes([j, i])) for j in range(K)] for i in range(K)]


def mlkem_keygen(d, z):
    g = hashlib.sha3_512(d + bytes([K])).digest()
    rho, sigma = g[:32], g[32:]
    a = matrix(rho)
    s = [ntt(sample_cbd(sigma, i)) for i in range(K)]
    e = [ntt(sample_cbd(sigma, K + i)) for i in range(K)]
    t = [add(inner(a[i], s), e[i]) for i in range(K)]
    ek = b"".join(byte_encode(f, 12) for f in t) + rho
    dk = b"".join(byte_encode(f, 12) for f in s)
    return ek, (dk, ek, z)


def pke_encrypt(ek, m, r):
    t = [byte_decode(ek[384 * i : 384 * (i + 1)], 12) for i in range(K)]
    a = matrix(ek[384 * K :])
    y = [ntt(sample_cbd(r, i)) for i in range(K)]
    e1 = [sample_cbd(r, K + i) for i in range(K)]
    e2 = sample_cbd(r, 2 * K)
    u = [add(ntt_inverse(inner([a[j][i] for j in range(K)], y)), e1[i]) for i in range(K)]
    mu = decompress(byte_decode(m, 1), 1)
    v = add(add(ntt_inverse(inner(t, y)), e2), mu)
    return b"".join(byte_encode(compress(f, DU), DU) for f in u) + byte_encode(compress(v, DV), DV)


def mlkem_encaps(ek, m):
    g = hashlib.sha3_512(m + hashlib.sha3_256(ek).digest()).digest()
    return g[:32], pke_encrypt(ek, m, g[32:])


def mlkem_decaps(key, c):
    dk, ek, z = key
    s = [byte_decode(dk[384 * i : 384 * (i + 1)], 12) for i in range(K)]
    size = 32 * DU
    u = [decompress(byte_decode(c[size * i : size * (i + 1)], DU), DU) for i in range(K)]
    v = decompress(byte_decode(c[size * K :], DV), DV)
    w = sub(v, ntt_inverse(inner(s, [ntt(f) for f in u])))
    m = byte_encode(compress(w, 1), 1)
    secret, again = mlkem_encaps(ek, m)
    return secret if again == c else hashlib.shake_256(z + c).digest(32)


# ---- X-Wing ----

LABEL = b"\\.//^\\"


def xwing_expand(seed):
    e = hashlib.shake_256(seed).digest(96)
    ek, dk = mlkem_keygen(e[:32], e[32:64])
    return ek, dk, e[64:]


def xwing_key(seed):
    ek, _, x = xwing_expand(seed)
    return ek + x25519(x, BASE)


def combine(ss_m, ss_x, ct_x, pk_x):
    return hashlib.sha3_256(ss_m + ss_x + ct_x + pk_x + LABEL).digest()


def xwing_encaps(key, coins):
    ek, pk_x = key[:1184], key[1184:]
    ss_m, ct_m = mlkem_encaps(ek, coins[:32])
    ct_x = x25519(coins[32:], BASE)
    return ct_m + ct_x, combine(ss_m, x25519(coins[32:], pk_x), ct_x, pk_x)


def xwing_decaps(seed, ct):
    _, dk, x = xwing_expand(seed)
    ct_m, ct_x = ct[:1088], ct[1088:]
    return combine(mlkem_decaps(dk, ct_m), x25519(x, ct_x), ct_x, x25519(x, BASE))


# ---- AES-256 (FIPS 197), CTR, GCM ----


def xtime(a):
    return (a << 1 ^ (0x11B if a & 0x80 else 0)) & 0xFF


def gf(a, b):
    out = 0
    while b:
        if b & 1:
            out ^= a
        a, b = xtime(a), b >> 1
    return out


def sbox_entry(a):
    inverse = next((b for b in range(256) if gf(a, b) == 1), 0)
    out = 0x63
    for i in range(5):
        out ^= (inverse << i | inverse >> (8 - i)) & 0xFF
    return out


SBOX = [sbox_entry(a) for a in range(256)]


def aes_schedule(key):
    words, rcon = [list(key[4 * i : 4 * i + 4]) for i in range(8)], 1
    for i in range(8, 60):
        word = list(words[-1])
        if i % 8 == 0:
            word = [SBOX[b] for b in word[1:] + word[:1]]
            word[0] ^= rcon
            rcon = xtime(rcon)
        elif i % 8 == 4:
            word = [SBOX[b] for b in word]
        words.append([a ^ b for a, b in zip(words[i - 8], word)])
    return [sum(words[4 * r : 4 * r + 4], []) for r in range(15)]


def aes(schedule, block):
    state = [a ^ b for a, b in zip(block, schedule[0])]
    for r in range(1, 15):
        state = [SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if r < 14:
            mixed = []
            for c in range(0, 16, 4):
                a = state[c : c + 4]
                mixed += [gf(2, a[i]) ^ gf(3, a[(i + 1) % 4]) ^ a[(i + 2) % 4] ^ a[(i + 3) % 4] for i in range(4)]
            state = mixed
        state = [a ^ b for a, b in zip(state, schedule[r])]
    return bytes(state)


def aes_ctr(key, counter, size):
    schedule, out = aes_schedule(key), b""
    while len(out) < size:
        out += aes(schedule, counter.to_bytes(16, "big"))
        counter += 1
    return out[:size]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def ghash(h, data):
    y = 0
    for i in range(0, len(data), 16):
        y ^= int.from_bytes(data[i : i + 16], "big")
        z, v = 0, h
        for bit in range(127, -1, -1):
            if y >> bit & 1:
                z ^= v
            v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
        y = z
    return y.to_bytes(16, "big")


def padded(data):
    return data + bytes(-len(data) % 16)


def gcm_seal(key, nonce, aad, plain):
    h = int.from_bytes(aes(aes_schedule(key), bytes(16)), "big")
    start = int.from_bytes(nonce + bytes(4), "big") + 1
    ct = xor(plain, aes_ctr(key, start + 1, len(plain)))
    tag = ghash(h, padded(aad) + padded(ct) + struct.pack(">QQ", 8 * len(aad), 8 * len(ct)))
    return ct + xor(tag, aes_ctr(key, start, 16))


# ---- HPKE (RFC 9180), base mode, KEM 0x647a, HKDF-SHA256, AES-256-GCM ----

SUITE = b"HPKE" + struct.pack(">HHH", 0x647A, 1, 2)


def labeled_extract(salt, label, ikm):
    return extract(salt, b"HPKE-v1" + SUITE + label + ikm)


def labeled_expand(prk, label, info, size):
    return expand(prk, struct.pack(">H", size) + b"HPKE-v1" + SUITE + label + info, size)


def hpke_seal(key, info, plain, coins):
    ct, shared = xwing_encaps(key, coins)
    context = b"\0" + labeled_extract(b"", b"psk_id_hash", b"") + labeled_extract(b"", b"info_hash", info)
    secret = labeled_extract(shared, b"secret", b"")
    aead = labeled_expand(secret, b"key", context, 32)
    nonce = labeled_expand(secret, b"base_nonce", context, 12)
    return ct + gcm_seal(aead, nonce, b"", plain)
