"""A whole round of four members in which org-c drops out after it has dealt its shares, from the protocol's text alone (§3, §4, §10),
written to ../resources/round.json. Run: python3 crypto/src/test/vectors/round.py
"""

import hashlib
import json
import pathlib
import struct

import formulas
import primitives as p
from formulas import fixed, packed
from primitives import expand, extract
from primitives import sha256 as h

FED, ROUND, ATTEMPT = "north", 4, 2
IDS = ["org-a", "org-b", "org-c", "org-d"]
DROPPED = "org-c"
SURVIVORS = [u for u in IDS if u != DROPPED]
THRESHOLD, CAP = 3, 64
WEIGHTS = {"org-a": 1, "org-b": 64, "org-c": 8, "org-d": 16}
LOSSES = {"org-a": 1.5, "org-b": 0.0078125, "org-c": 3.0, "org-d": 2.25}
T = [h(b"round T%d" % i) for i in range(6)]
# name, coordinates, exponent of the range
TENSORS = [("first", 21, -3), ("second", 12, 1)]


def ctx(label, transcript, *ids):
    return formulas.ctx(label, FED, ROUND, ATTEMPT, transcript, *ids)


master = {u: fixed("master " + u) for u in IDS}
own = {u: fixed("self " + u) for u in IDS}
channel = {u: fixed("channel " + u) for u in IDS}
mask_seed = {u: expand(master[u], ctx("mask-kem", T[0], u), 32) for u in IDS}
mask_key = {u: p.xwing_key(mask_seed[u]) for u in IDS}
channel_key = {u: p.xwing_key(channel[u]) for u in IDS}

ciphertext, pair = {}, {}
for i, u in enumerate(IDS):
    for v in IDS[i + 1 :]:
        coins = expand(master[u], ctx("mask-coins", T[1], u, v, h(mask_key[v])), 64)
        ct, secret = p.xwing_encaps(mask_key[v], coins)
        assert p.xwing_decaps(mask_seed[v], ct) == secret
        ciphertext[u, v] = ct
        pair[u, v] = expand(extract(T[2], secret), ctx("pair", T[2], u, v, h(ct)), 32)


shares = {}
for u in IDS:
    for kind, secret in (("m", master[u]), ("b", own[u])):
        coefficients = [fixed(f"coefficient {i} {kind} {u}") for i in range(1, THRESHOLD)]
        shares[u, kind] = formulas.split(secret, coefficients, len(IDS))


def update(u):
    """Binary32 values, some of them outside their range."""
    raw = fixed("update " + u, 2 * sum(size for _, size, _ in TENSORS))
    out, at = [], 0
    for _, size, exponent in TENSORS:
        for _ in range(size):
            x = int.from_bytes(raw[2 * at : 2 * at + 2], "little", signed=True) / 2**15
            out.append(struct.unpack("<f", struct.pack("<f", x * 2.0**exponent * 1.25))[0])
            at += 1
    return out


EXPONENTS = [exponent for _, size, exponent in TENSORS for _ in range(size)]


def encoded(u, bits):
    q = formulas.quotient(bits, len(IDS))
    return formulas.encoded(update(u), EXPONENTS, WEIGHTS[u], CAP, q, fixed("rounding " + u))


def scalars(u, clipped):
    return formulas.scalars(WEIGHTS[u], LOSSES[u], clipped)


def stream_key(seed, label, ids, vector):
    return expand(seed, ctx(label, T[2], *ids, vector), 32)


def masked(u, vector, values, bits):
    streams = [(stream_key(own[u], "mask-self", [u], vector), 1)]
    for v in IDS:
        if v != u:
            ids = sorted([u, v])
            streams.append((stream_key(pair[tuple(ids)], "mask-pair", ids, vector), 1 if u < v else -1))
    return formulas.masked(values, bits, streams)


encodings = {}
for bits in (16, 24, 32):
    q, members, sums, scalar_sums = formulas.quotient(bits, len(IDS)), {}, [0] * 33, [0] * 16
    for u in IDS:
        values, clipped = encoded(u, bits)
        members[u] = {
            "packed": packed(values, bits).hex(),
            "clipped": clipped,
            "scalars": packed(scalars(u, clipped), 32).hex(),
            "masked": masked(u, "adapter", values, bits).hex(),
            "maskedScalars": masked(u, "scalars", scalars(u, clipped), 32).hex(),
        }
        if u != DROPPED:
            sums = [a + b for a, b in zip(sums, values)]
            scalar_sums = [a + b for a, b in zip(scalar_sums, scalars(u, clipped))]
    weight = sum(WEIGHTS[u] for u in SURVIVORS)
    ranges = [2.0**e for e in EXPONENTS]
    encodings[str(bits)] = {
        "quotient": q,
        "members": members,
        "sum": packed(sums, bits).hex(),
        "scalarSum": packed(scalar_sums, 32).hex(),
        "mean": [(s * r * CAP) / (q * weight) for s, r in zip(sums, ranges)],
        "clipped": sum(members[u]["clipped"] for u in SURVIVORS),
        "lossSum": sum(round(WEIGHTS[u] * LOSSES[u] * 2**20) for u in SURVIVORS) / 2**20,
    }

boxes = []
for u, v in (("org-a", "org-b"), ("org-d", "org-a")):
    place = IDS.index(v)
    salts = [fixed(f"salt {kind} {u} {v}") for kind in "mb"]
    plain = shares[u, "m"][place] + salts[0] + shares[u, "b"][place] + salts[1]
    coins = fixed(f"box {u} {v}", 64)
    boxes.append({
        "dealer": u,
        "receiver": v,
        "plain": plain.hex(),
        "coins": coins.hex(),
        "box": p.hpke_seal(channel_key[v], ctx("share", T[1], u, v), plain, coins).hex(),
        "maskCommitment": h(ctx("commit-share", T[1], u, v, "m", salts[0], shares[u, "m"][place])).hex(),
        "selfCommitment": h(ctx("commit-share", T[1], u, v, "b", salts[1], shares[u, "b"][place])).hex(),
    })

far = {}
for block in (0, 3, 16384 * 3, 2**32 // 16 * 3):
    far[str(16 * block)] = p.aes_ctr(fixed("far"), block, 48).hex()

out = {
    "members": {
        u: {
            "master": master[u].hex(),
            "self": own[u].hex(),
            "channel": channel[u].hex(),
            "rounding": fixed("rounding " + u).hex(),
            "update": update(u),
            "weight": WEIGHTS[u],
            "loss": LOSSES[u],
            "maskKey": h(mask_key[u]).hex(),
            "channelKey": h(channel_key[u]).hex(),
            "maskCommitment": h(ctx("commit", T[1], u, "m", master[u])).hex(),
            "selfCommitment": h(ctx("commit", T[1], u, "b", own[u])).hex(),
            "maskShares": [s.hex() for s in shares[u, "m"]],
            "selfShares": [s.hex() for s in shares[u, "b"]],
        }
        for u in IDS
    },
    "pairs": [
        {"first": u, "second": v, "ciphertext": h(ciphertext[u, v]).hex(), "seed": pair[u, v].hex()} for u, v in pair
    ],
    "encodings": encodings,
    "boxes": boxes,
    "stream": {"key": fixed("far").hex(), "at": far},
    "xwing": [],
}
shake = hashlib.shake_128(b"").digest(3 * 96)
for i in range(3):
    seed, coins = shake[96 * i : 96 * i + 32], shake[96 * i + 32 : 96 * (i + 1)]
    key = p.xwing_key(seed)
    ct, secret = p.xwing_encaps(key, coins)
    rejected = bytes([ct[0] ^ 1]) + ct[1:]
    out["xwing"].append({
        "seed": seed.hex(), "coins": coins.hex(), "key": key.hex(), "ciphertext": ct.hex(), "secret": secret.hex(),
        "implicitlyRejected": p.xwing_decaps(seed, rejected).hex(),
    })
key, first = mask_key["org-a"], boxes[0]
box, low = bytes.fromhex(first["box"]), (1).to_bytes(32, "little")
ct = ciphertext["org-a", "org-b"]


def coefficient(value):
    """The key with its first ML-KEM coefficient set."""
    return struct.pack("<H", value | (key[1] & 0xF0) << 8) + key[2:]


out["bad"] = {
    "key": {
        "one byte short": key[:-1], "one byte long": key + b"\0", "empty": b"",
        "coefficient q": coefficient(3329), "coefficient 4095": coefficient(4095),
        "X25519 half 0": key[:-32] + bytes(32), "X25519 half of order 1": key[:-32] + low,
        "X25519 half p": key[:-32] + p.P.to_bytes(32, "little"),
        "X25519 half p + 9": key[:-32] + (p.P + 9).to_bytes(32, "little"),
        "X25519 half with the top bit": key[:-1] + bytes([key[-1] | 0x80]),
    },
    "ciphertext": {
        "one byte short": ct[:-1], "one byte long": ct + b"\0",
        "X25519 half 0": ct[:-32] + bytes(32), "X25519 half p - 1": ct[:-32] + (p.P - 1).to_bytes(32, "little"),
        "X25519 half with the top bit": ct[:-1] + bytes([ct[-1] | 0x80]),
    },
    "box": {
        "of another dealer": p.hpke_seal(channel_key["org-b"], ctx("share", T[1], "org-c", "org-b"), b"x" * 128, bytes(64)),
        "to another receiver": p.hpke_seal(channel_key["org-d"], ctx("share", T[1], "org-a", "org-b"), b"x" * 128, bytes(64)),
        "over another T1": p.hpke_seal(channel_key["org-b"], ctx("share", T[0], "org-a", "org-b"), b"x" * 128, bytes(64)),
        "flipped tag": box[:-1] + bytes([box[-1] ^ 1]), "flipped ciphertext": box[:1120] + bytes([box[1120] ^ 1]) + box[1121:],
        "flipped encapsulation": bytes([box[0] ^ 1]) + box[1:], "without tag": box[:1120], "empty": b"",
    },
}
out["bad"] = {kind: {what: data.hex() for what, data in cases.items()} for kind, cases in out["bad"].items()}
path = pathlib.Path(__file__).parent.parent / "resources" / "round.json"
path.write_text(json.dumps(out, indent=1) + "\n")
