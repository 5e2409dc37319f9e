"""The formulas of protocol §3 and §4 that several vectors need. No code is shared with the Java side."""

import math

import primitives as p
from primitives import enc, expand
from primitives import sha256 as h


def fixed(what, size=32):
    """Bytes that a vector chooses."""
    return expand(h(b"vectors"), what.encode(), size)


def ctx(label, federation, number, attempt, transcript, *ids):
    return enc("sotto/1", label, federation, number, attempt, transcript, *ids)


def transcript(kind, previous, payload):
    return h(enc("sotto/1/" + kind, previous, payload))


def split(secret, coefficients, count):
    """Shamir's shares at x = 1, 2, …; each coefficient as long as the secret."""
    shares = []
    for x in range(1, count + 1):
        share = bytearray(len(secret))
        for b in range(len(secret)):
            value = 0
            for c in reversed([secret] + coefficients):
                value = p.gf(value, x) ^ c[b]
            share[b] = value
        shares.append(bytes(share))
    return shares


def words(data, bits):
    size = bits // 8
    return [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]


def packed(values, bits):
    return b"".join((v % 2**bits).to_bytes(bits // 8, "little") for v in values)


def quotient(bits, cohort):
    return (2 ** (bits - 2) - 1) // cohort


def encoded(values, exponents, weight, cap, q, rounding):
    """§4 and §10: the ring words, signed, and how many were clipped. One exponent of a range per value."""
    random = words(p.aes_ctr(rounding, 0, 4 * len(values)), 32)
    out, clipped = [], 0
    for x, exponent, u in zip(values, exponents, random):
        r = 2.0**exponent
        clipped += abs(x) > r
        v = min(max(x, -r), r) * (weight / cap) * q / r
        floor = math.floor(v)
        out.append(min(max(floor + (1 if u < (v - floor) * 2.0**32 else 0), -q), q))
    return out, clipped


def scalars(weight, loss, clipped):
    out = []
    for value in (1, weight, round(weight * loss * 2**20), clipped):
        for limb in range(4):
            out.append(value >> 48 if limb == 3 else value >> 16 * limb & 0xFFFF)
    return out


def masked(values, bits, streams):
    """values + Σ ± PRG(key); streams: (key, sign)."""
    total = list(values)
    for key, sign in streams:
        for i, w in enumerate(words(p.aes_ctr(key, 0, len(values) * bits // 8), bits)):
            total[i] += sign * w
    return packed(total, bits)
