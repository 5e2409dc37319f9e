"""Known answers for protocol §3, §4 and §10, from the formulas alone (Python's standard library), written to
../resources/vectors.json. Run: python3 crypto/src/test/vectors/make.py
"""

import fractions
import json
import math
import pathlib
import struct

import formulas
import primitives as p
from primitives import enc, expand, extract
from primitives import sha256 as h

FED, ROUND, ATTEMPT = "north", 3, 2
T = [h(b"T%d" % i) for i in range(6)]
SECRET, SALT, FRESH, SHARE = h(b"secret"), h(b"salt"), h(b"fresh"), h(b"share")


def ctx(label, transcript, *ids):
    return formulas.ctx(label, FED, ROUND, ATTEMPT, transcript, *ids)


derivations = {
    "draw": expand(extract(SALT, FRESH), ctx("draw", T[0], "bank", "m"), 32),
    "maskSeed": expand(SECRET, ctx("mask-kem", T[0], "bank"), 32),
    "coins": expand(SECRET, ctx("mask-coins", T[1], "bank", "clinic", h(b"key")), 64),
    "pairSeed": expand(extract(T[2], SECRET), ctx("pair", T[2], "bank", "clinic", h(b"ciphertext")), 32),
    "pairStreamKey": expand(SECRET, ctx("mask-pair", T[2], "bank", "clinic", "adapter"), 32),
    "selfStreamKey": expand(SECRET, ctx("mask-self", T[2], "bank", "adapter"), 32),
    "commitment": h(ctx("commit", T[1], "bank", "m", SECRET)),
    "shareCommitment": h(ctx("commit-share", T[1], "bank", "clinic", "b", SALT, SHARE)),
    "shareInfo": ctx("share", T[1], "bank", "clinic"),
    "revealInfo": ctx("reveal", T[4], "bank"),
    "closedInfo": ctx("closed", T[4], "bank"),
    # A version belongs to no attempt: its number stands for the round, 0 for the attempt.
    "modelInfo": formulas.ctx("model", FED, 7, 0, h(b"digest"), 7, "bank"),
    "roundKeySeed": expand(SECRET, enc("sotto/1", "coordinator-round", FED, ROUND, ATTEMPT, FRESH), 32),
    "modelKey": expand(SECRET, ctx("model-key", T[4]), 32),
    "transcript": h(enc("sotto/1/RosterSealed", T[0], b"payload")),
    "version": h(enc("sotto/1/model", FED, 7, h(b"0"), h(b"1"))),
    "aggregate": h(enc("sotto/1/aggregate", T[3], h(b"0"), h(b"1"))),
    "baseModel": h(enc("config.json", h(b"0"), "model.safetensors", h(b"1"))),
}

coefficients = [SECRET, h(b"c1"), h(b"c2")]
shares = [share.hex() for share in formulas.split(SECRET, coefficients[1:], 5)]

quotients = [
    {"bits": k, "members": n, "quotient": formulas.quotient(k, n)} for k in (16, 24, 32) for n in (3, 4, 100, 255)
]


def class_weight(examples, cap):
    e = 0
    while examples * examples >= 2 ** (2 * e + 1):
        e += 1
    return min(2**e, cap)


weights = [{"examples": n, "cap": c, "weight": class_weight(n, c)} for c in (1, 100, 1024) for n in (1, 2, 3, 5, 6, 11, 12, 724, 725, 5000)]


def next_range(previous, squares, d, q, weighted, cap, survivors, w):
    weight = fractions.Fraction(w, cap) if weighted else fractions.Fraction(survivors)
    least = 64 * survivors * fractions.Fraction(4) ** previous * squares / (d * q * q * weight * weight)
    e = -126
    while fractions.Fraction(4) ** e < least:
        e += 1
    return e


ranges = []
for previous, squares, d, k, n, weighted, cap, survivors, w in [
    (-3, 10**12, 4096, 24, 4, True, 1024, 3, 1500),
    (0, 1, 1, 16, 3, False, 1024, 3, 3),
    (-10, 2**60, 10**6, 32, 255, True, 64, 200, 12800),
    (5, 3**40, 77, 24, 6, False, 1, 4, 4),
]:
    q = (2 ** (k - 2) - 1) // n
    ranges.append(
        dict(previous=previous, squares=str(squares), dimension=d, quotient=q, weighted=weighted, cap=cap,
             survivors=survivors, weight=w, exponent=next_range(previous, squares, d, q, weighted, cap, survivors, w)))

initial = [{"steps": s, "rate": lr, "exponent": math.ceil(math.log2(fractions.Fraction(2 * s) * fractions.Fraction(lr)))}
           for s, lr in [(10, 0.001), (1, 0.5), (16, 0.125), (3, 0.3), (12, 0.003)]]

# §10, "Public seed of version 0": binary32 by its bits.
lora = [("q_proj.lora_A.weight", [8, 12]), ("q_proj.lora_B.weight", [12, 8]), ("v_proj.lora_A.weight", [3, 7])]
adapter = []
for name, shape in lora:
    size = shape[0] * shape[1]
    stream = p.aes_ctr(expand(h(b"public seed"), enc("init", name), 32), 0, 4 * size)
    for (w,) in struct.iter_unpack("<I", stream):
        value = (2 * (w >> 8) / 2**24 - 1) / math.sqrt(shape[1]) if "lora_A" in name else 0.0
        adapter.append(struct.pack(">f", value).hex())

# §5, "Models are ciphertext on the broker".
VERSION = 7


def chunk(index, count, plain, key=SECRET, federation=FED, version=VERSION):
    return p.gcm_seal(key, index.to_bytes(12, "big"), enc(federation, version, index, count), plain)


plain = bytes(i * 7 % 251 for i in range(200))
chunks = [{"index": i, "count": n, "plain": text.hex(), "sealed": chunk(i, n, text).hex()}
          for i, n, text in [(0, 1, b""), (0, 3, plain), (1, 3, plain), (2, 3, plain[:7]), (2**31 - 2, 2**31 - 1, plain[:16])]]
sealed = chunk(1, 3, plain)
bad_chunks = {
    "tag": sealed[:-1] + bytes([sealed[-1] ^ 1]), "text": bytes([sealed[0] ^ 1]) + sealed[1:],
    "one byte short": sealed[:-1], "one byte long": sealed + b"\0", "tag alone": sealed[-16:],
    "of another index": chunk(2, 3, plain), "of another count": chunk(1, 4, plain),
    "of another version": chunk(1, 3, plain, version=8), "of another federation": chunk(1, 3, plain, federation="south"),
    "under another key": chunk(1, 3, plain, key=SALT),
    "nonce little-endian": p.gcm_seal(SECRET, (1).to_bytes(12, "little"), enc(FED, VERSION, 1, 3), plain),
    "without aad": p.gcm_seal(SECRET, (1).to_bytes(12, "big"), b"", plain),
}

# §3: T0 … T5, and a chain that an abort ends after each of them; the next attempt starts from either end.
STEPS = ["RoundOpened", "RosterSealed", "SharesRouted", "SurvivorsSealed", "UnmaskRequested", "RoundClosed"]


def fold(start, kinds):
    transcripts = [start]
    for kind in kinds:
        transcripts.append(formulas.transcript(kind, transcripts[-1], kind.encode() + b" payload"))
    return [t.hex() for t in transcripts[1:]]


chains = [{"messages": kinds, "transcripts": fold(bytes(32), kinds)}
          for kinds in [STEPS, STEPS + STEPS[:1]]
          + [STEPS[:i] + ["RoundAborted", "RoundOpened"] for i in range(1, 6)]]

out = {
    "derivations": {k: v.hex() for k, v in derivations.items()},
    "shamir": {"secret": SECRET.hex(), "threshold": 3, "shares": shares},
    "quotients": quotients, "weights": weights, "ranges": ranges, "initial": initial,
    "publicSeed": {
        "seed": h(b"public seed").hex(), "tensors": [{"name": name, "shape": shape} for name, shape in lora], "bits": adapter,
    },
    "model": {
        "version": VERSION, "chunks": chunks,
        "bad": {"index": 1, "count": 3, "sealed": {what: data.hex() for what, data in bad_chunks.items()}},
    },
    "chains": chains,
}
path = pathlib.Path(__file__).parent.parent / "resources" / "vectors.json"
path.write_text(json.dumps(out, indent=1) + "\n")
