"""The messages of sotto/v1 in canonical protobuf (fields ascending, defaults left out), and signed envelopes (protocol §3)."""

import struct

import primitives as p
from primitives import enc
from primitives import sha256 as h


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def uint(number, value):
    return varint(number << 3) + varint(value) if value else b""


def sint(number, value):
    return uint(number, value << 1 if value >= 0 else (-value << 1) - 1)


def double(number, value):
    return varint(number << 3 | 1) + struct.pack("<d", value) if value else b""


def message(number, value):
    """Present even if empty, like each element of a repeated field."""
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def data(number, value):
    return message(number, value) if value else b""


def repeated(number, values):
    return b"".join(message(number, value) for value in values)


def named(pairs):
    return [data(1, organisation) + data(2, value) for organisation, value in pairs]


def vector(name, weighted, tensors):
    return data(1, name) + uint(2, weighted) + repeated(
        3, [data(1, n) + data(2, b"".join(map(varint, shape))) + sint(3, exponent) for n, shape, exponent in tensors])


PLAN = (data(1, "fedavg") + data(2, "sft") + data(3, "alpaca") + uint(4, 8) + double(5, 16.0) + repeated(6, ["q_proj"]) + uint(7, 10)
        + uint(8, 8) + uint(9, 128) + double(10, 1e-3) + double(12, 1.0) + double(14, 1e-3) + data(16, "lora"))


def round_opened(o):
    return (uint(1, o["round"]) + uint(2, o["attempt"]) + data(3, o["nonce"]) + repeated(4, o["cohort"]) + uint(5, o["threshold"])
            + uint(6, o["maxDropouts"]) + uint(7, o["maxColluders"]) + uint(8, o["minSurvivors"]) + uint(9, o["ringBits"])
            + repeated(10, o["layout"]) + uint(11, o["weightCap"]) + data(12, o["weighting"])
            + message(13, b"".join(uint(i, 10) for i in range(1, 6))) + data(14, o["baseModelDigest"]) + uint(15, o["adapterVersion"])
            + data(16, o["adapterDigest"]) + message(17, PLAN) + data(18, o["keyId"]) + data(19, o["roundKey"])
            + data(20, o["registryHead"]) + data(21, o["previous"]) + repeated(22, o["candidates"]))


def keys_advertised(channel, mask, previous):
    return data(1, channel) + data(2, mask) + data(3, previous)


def shares_dealt(boxes, ciphertexts, mask_commitment, self_commitment, mask_shares, self_shares):
    return (repeated(1, boxes) + repeated(2, ciphertexts) + data(3, mask_commitment) + data(4, self_commitment)
            + repeated(5, mask_shares) + repeated(6, self_shares))


def manifest(vectors):
    return repeated(1, [data(1, name) + repeated(2, hashes) for name, hashes in vectors])


def chunk(name, index, masked):
    return data(1, name) + uint(2, index) + data(3, masked)


def revealed(self_shares, mask_shares):
    return b"".join(repeated(number, [data(1, owner) + data(2, share) + data(3, salt) for owner, share, salt in shares])
                    for number, shares in ((1, self_shares), (2, mask_shares)))


class Signer:
    def __init__(self, federation, name, seed):
        self.federation, self.name, self.seed = federation, name, seed
        self.key = p.ed25519_key(seed)

    def sign(self, kind, transcript, payload, part=None, sender=None, fingerprint=None):
        """The envelope; `part` is what stands in place of the payload under the signature of a chunk."""
        sender, fingerprint = sender or self.name, fingerprint or h(self.key)
        signed = enc("sotto/1", kind, self.federation, sender, fingerprint, transcript, payload if part is None else part)
        return Envelope(kind, self.federation, sender, fingerprint, transcript, payload, p.ed25519_sign(self.seed, signed))


class Envelope:
    def __init__(self, kind, federation, sender, fingerprint, transcript, payload, signature):
        self.kind, self.federation, self.sender, self.fingerprint = kind, federation, sender, fingerprint
        self.transcript, self.payload, self.signature = transcript, payload, signature

    def flipped(self):
        """The same under a signature with one bit flipped."""
        return Envelope(self.kind, self.federation, self.sender, self.fingerprint, self.transcript, self.payload,
                        self.signature[:-1] + bytes([self.signature[-1] ^ 1]))

    def encode(self):
        return (data(1, self.kind) + data(2, self.federation) + data(3, self.sender) + data(4, self.fingerprint)
                + data(5, self.transcript) + data(6, self.payload) + data(7, self.signature))

    def hash(self):
        return h(self.encode())
