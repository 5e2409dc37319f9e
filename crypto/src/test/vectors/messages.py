"""Every signed message of a round of four members in which org-c drops out after it has dealt its shares, the draws from which each
member makes its own, and rounds that go wrong by one fault each: a list of operations with where it is refused, why, and whose fault
it is. From the protocol's text and messages.proto alone, written to ../resources/messages.json.
Run: python3 crypto/src/test/vectors/messages.py
"""

import json
import pathlib
import struct

import formulas
import primitives as p
import wire
from formulas import fixed
from primitives import enc, expand, extract
from primitives import sha256 as h

FED, ROUND = "north", 0
IDS = ["org-a", "org-b", "org-c", "org-d"]
DROPPED, OUTSIDER = "org-c", "org-e"
SURVIVORS = [u for u in IDS if u != DROPPED]
THRESHOLD, CAP, BITS = 3, 64, 24
WEIGHTS = {"org-a": 2, "org-b": 64, "org-c": 8, "org-d": 16}
LOSSES = {"org-a": 1.5, "org-b": 0.0078125, "org-c": 3.0, "org-d": 2.25}
TENSORS = [("first", [3, 7], -3), ("second", [12], 1)]
EXPONENTS = [-3] * 21 + [1] * 12
LAYOUT = [wire.vector("adapter", 1, TENSORS), wire.vector("scalars", 0, [("scalars", [4, 4], 0)])]
K = fixed("K")
COORDINATOR = wire.Signer(FED, "coordinator", fixed("identity coordinator"))
MEMBERS = {u: wire.Signer(FED, u, fixed("identity " + u)) for u in IDS + [OUTSIDER]}
STRANGER = wire.Signer(FED, "org-x", fixed("identity org-x"))
DELIVERY = {u: p.xwing_key(fixed("delivery " + u)) for u in IDS}


def update(u):
    raw = fixed("new update " + u, 66)
    values = [int.from_bytes(raw[2 * i : 2 * i + 2], "little", signed=True) / 2**15 * 2.0**e * 1.25 for i, e in enumerate(EXPONENTS)]
    return [struct.unpack("<f", struct.pack("<f", x))[0] for x in values]


def opening(attempt, previous, **changed):
    """The fields of RoundOpened."""
    nonce = fixed(f"nonce {attempt}")
    fields = {
        "round": ROUND, "attempt": attempt, "nonce": nonce, "cohort": IDS, "candidates": [], "threshold": THRESHOLD, "maxDropouts": 1, "maxColluders": 1,
        "minSurvivors": 3, "ringBits": BITS, "layout": LAYOUT, "weightCap": CAP, "weighting": "classes",
        "baseModelDigest": fixed("base"), "adapterVersion": 0, "adapterDigest": fixed("adapter 0"), "keyId": fixed("keyId"),
        "roundKey": p.xwing_key(round_seed(attempt)), "registryHead": fixed("registry"), "previous": previous,
    }
    return wire.round_opened(fields | changed)


def tickets(candidates):
    """In the order in which the cohort of round 0 is drawn."""
    seed = h(enc("sotto/1/cohort", bytes(32), ROUND))
    return sorted(candidates, key=lambda u: h(enc(seed, u)))


def round_seed(attempt):
    return expand(K, enc("sotto/1", "coordinator-round", FED, ROUND, attempt, fixed(f"nonce {attempt}")), 32)


class Round:
    """Both attempts: the first is aborted as soon as it is open. `lie` is what org-c, or org-b, does otherwise."""

    def __init__(self, lie=""):
        self.lie, self.log, self.t, self.draws = lie, {}, [], {u: [] for u in IDS + ["coordinator"]}
        self.attempt = 1
        end = self.publish("1/", "RoundOpened", bytes(32), opening(1, bytes(32)))
        self.previous = self.publish("1/", "RoundAborted", end, wire.data(1, "Operator") + wire.data(2, "test"))
        self.attempt = 2
        self.control("RoundOpened", opening(2, self.previous))
        self.keys()
        self.control("RosterSealed", wire.repeated(1, [self.log[u + "/KeysAdvertised"].encode() for u in IDS]))
        self.deal()
        self.control("SharesRouted", wire.repeated(1, wire.named((u, self.log[u + "/SharesDealt"].hash()) for u in IDS)))
        self.deliver()
        self.control("SurvivorsSealed", wire.repeated(1, wire.named((u, self.log[u + "/UpdateManifest"].hash()) for u in SURVIVORS)))
        for u in SURVIVORS:
            self.say(u, "SurvivorsConfirmed", self.t[3], b"")
        self.control("UnmaskRequested", wire.repeated(1, [self.log[u + "/SurvivorsConfirmed"].encode() for u in SURVIVORS]))
        for u in SURVIVORS:
            self.say(u, "SharesRevealed", self.t[4], wire.data(1, self.reveal(u, self.revealed(u), self.draw(u, 64))))
        self.close()

    def publish(self, prefix, kind, transcript, payload):
        self.log[prefix + kind] = COORDINATOR.sign(kind, transcript, payload)
        return formulas.transcript(kind, transcript, payload)

    def control(self, kind, payload):
        self.t.append(self.publish("", kind, self.t[-1] if self.t else self.previous, payload))

    def say(self, u, kind, transcript, payload):
        self.log[f"{u}/{kind}"] = MEMBERS[u].sign(kind, transcript, payload)

    def draw(self, u, size=32):
        """The next draw of a party, in the order in which the machines draw."""
        self.draws[u].append(fixed(f"draw {len(self.draws[u])} of {u}", size))
        return self.draws[u][-1]

    def ctx(self, label, transcript, *ids):
        return formulas.ctx(label, FED, ROUND, self.attempt, transcript, *ids)

    def keys(self):
        t0, self.secret = self.t[0], {}
        for u in IDS:
            for kind in ("m", "b", "channel"):
                self.secret[u, kind] = expand(extract(fixed("salt " + u), self.draw(u)), self.ctx("draw", t0, u, kind), 32)
            self.secret[u, "mask"] = expand(self.secret[u, "m"], self.ctx("mask-kem", t0, u), 32)
            if self.lie == "mask key" and u == DROPPED:
                self.secret[u, "mask"] = fixed("another mask seed")
        self.mask_key = {u: p.xwing_key(self.secret[u, "mask"]) for u in IDS}
        self.channel_key = {u: p.xwing_key(self.secret[u, "channel"]) for u in IDS}
        for u in IDS:
            self.say(u, "KeysAdvertised", t0, wire.keys_advertised(self.channel_key[u], self.mask_key[u], self.previous))

    def deal(self):
        t1, self.share, self.salt, self.ciphertext, self.kem = self.t[1], {}, {}, {}, {}
        for u in IDS:
            for kind in "mb":
                coefficients = [self.draw(u) for _ in range(THRESHOLD - 1)]
                secret = self.secret[u, kind]
                if (self.lie, u, kind) in (("master", DROPPED, "m"), ("self mask", "org-b", "b")):
                    secret = fixed("another secret")
                for v, share in zip(IDS, formulas.split(secret, coefficients, len(IDS))):
                    self.share[u, v, kind] = share
            for v in IDS:
                for kind in "mb":
                    self.salt[u, v, kind] = self.draw(u)
            boxes = [self.box(u, v, self.plain(u, v), self.draw(u, 64)) for v in IDS if v != u]
            for v in IDS[IDS.index(u) + 1 :]:
                coins = expand(self.secret[u, "m"], self.ctx("mask-coins", t1, u, v, h(self.mask_key[v])), 64)
                if self.lie == "ciphertext" and u == DROPPED:
                    coins = fixed("other coins", 64)
                self.ciphertext[u, v], self.kem[u, v] = p.xwing_encaps(self.mask_key[v], coins)
            self.say(u, "SharesDealt", t1, self.dealt(u, boxes))

    def plain(self, u, v):
        return b"".join(self.share[u, v, kind] + self.salt[u, v, kind] for kind in "mb")

    def box(self, u, v, plain, coins, transcript=None):
        return p.hpke_seal(self.channel_key[v], self.ctx("share", transcript or self.t[1], u, v), plain, coins)

    def dealt(self, u, boxes, ciphertexts=None):
        t1 = self.t[1]
        mine = [self.ciphertext[u, v] for v in IDS[IDS.index(u) + 1 :]]
        of_shares = [[h(self.ctx("commit-share", t1, u, v, kind, self.salt[u, v, kind], self.share[u, v, kind])) for v in IDS]
                     for kind in "mb"]
        return wire.shares_dealt(
            boxes, mine if ciphertexts is None else ciphertexts,
            *[h(self.ctx("commit", t1, u, kind, self.secret[u, kind])) for kind in "mb"], *of_shares)

    def boxes(self, u):
        """As they were dealt, from the draws that follow those of keys, coefficients and salts."""
        first = 3 + 2 * (THRESHOLD - 1) + 2 * len(IDS)
        return [self.box(u, v, self.plain(u, v), coins) for v, coins in zip([v for v in IDS if v != u], self.draws[u][first:])]

    def deliver(self):
        t2, self.values = self.t[2], {}
        q = formulas.quotient(BITS, len(IDS))
        for u in IDS:
            pairs = {}
            for v in IDS:
                if v != u:
                    first, second = sorted([u, v])
                    seed = expand(extract(t2, self.kem[first, second]), self.ctx("pair", t2, first, second, h(self.ciphertext[first, second])), 32)
                    pairs[v] = ([first, second], seed)
            if u == DROPPED:
                continue
            adapter, clipped = formulas.encoded(update(u), EXPONENTS, WEIGHTS[u], CAP, q, self.draw(u))
            self.values[u] = {"adapter": adapter, "scalars": formulas.scalars(WEIGHTS[u], LOSSES[u], clipped)}
            hashes = []
            for name, bits in (("adapter", BITS), ("scalars", 32)):
                streams = [(expand(self.secret[u, "b"], self.ctx("mask-self", t2, u, name), 32), 1)]
                for v, (ids, seed) in pairs.items():
                    streams.append((expand(seed, self.ctx("mask-pair", t2, *ids, name), 32), 1 if u < v else -1))
                masked = formulas.masked(self.values[u][name], bits, streams)
                hashes.append((name, [h(masked)]))
                self.log[f"{u}/UpdateChunk/{name}"] = self.chunk(u, name, 0, masked)
            self.say(u, "UpdateManifest", t2, wire.manifest(hashes))

    def chunk(self, u, name, index, masked, signer=None):
        return (signer or MEMBERS[u]).sign(
            "UpdateChunk", self.t[2], wire.chunk(name, index, masked), enc(name, index, h(masked)))

    def revealed(self, u, self_owners=SURVIVORS, mask_owners=(DROPPED,)):
        return wire.revealed(*[[(v, self.share[v, u, kind], self.salt[v, u, kind]) for v in owners]
                               for kind, owners in (("b", self_owners), ("m", mask_owners))])

    def reveal(self, u, plain, coins, transcript=None):
        return p.hpke_seal(p.xwing_key(round_seed(2)), self.ctx("reveal", transcript or self.t[4], u), plain, coins)

    def close(self):
        t3, t4 = self.t[3], self.t[4]
        sums = [formulas.packed([sum(column) for column in zip(*[self.values[u][name] for u in SURVIVORS])], bits)
                for name, bits in (("adapter", BITS), ("scalars", 32))]
        seeds = [wire.data(1, u) + wire.data(2, p.hpke_seal(DELIVERY[u], self.ctx("closed", t4, u), round_seed(2), self.draw("coordinator", 64)))
                 for u in IDS]
        self.control("RoundClosed", wire.uint(1, 1) + wire.data(2, fixed("model digest"))
                     + wire.data(3, h(enc("sotto/1/aggregate", t3, *map(h, sums)))) + wire.repeated(4, seeds)
                     + wire.repeated(5, wire.named((u, self.log[u + "/SharesRevealed"].hash()) for u in SURVIVORS)))


good = Round()
T, LOG = good.t, good.log
LIES = {
    "org-c's mask key is not from its master": ("mask key", "org-c"),
    "org-c's ciphertext is not from its master": ("ciphertext", "org-c"),
    "org-c's shares rebuild another master than it committed to": ("master", "org-c"),
    "org-b's shares rebuild another self mask than it committed to": ("self mask", "org-b"),
}

CONTROL = ["1/RoundOpened", "1/RoundAborted", "RoundOpened", "RosterSealed", "SharesRouted", "SurvivorsSealed", "UnmaskRequested", "RoundClosed"]
FROM_MEMBERS = {
    "RosterSealed": ("KeysAdvertised", IDS), "SharesRouted": ("SharesDealt", IDS), "SurvivorsSealed": ("UpdateManifest", SURVIVORS),
    "UnmaskRequested": ("SurvivorsConfirmed", SURVIVORS), "RoundClosed": ("SharesRevealed", SURVIVORS),
}
# What a member reads, and what a director receives and decides.
READS = CONTROL
HANDLES = [step for kind in CONTROL
           for step in [f"{u}/{FROM_MEMBERS[kind][0]}" for u in FROM_MEMBERS.get(kind, ("", []))[1]] + [kind]]

bad = []


def refuse(reader, name, steps, step, envelope, reason, who, answers=(), instead=None, then=()):
    """All before `step` succeeds, then `envelope` is refused, then what is in `then` succeeds."""
    operations = [{"message": one, "success": True} for one in steps[: steps.index(step)]]
    operations.append({"envelope": envelope.encode().hex(), "success": False, "reason": reason, "who": who, "answers": list(answers),
                       "instead": {key: value.encode().hex() for key, value in (instead or {}).items()}})
    bad.append({"name": name, "reader": reader, "operations": operations + [{"message": one, "success": True} for one in then]})


def member(name, step, payload, reason, who="coordinator", answers=("RoundDeclined",), kind=None, transcript=None, then=(), instead=None):
    """org-a reads something else than the coordinator's message `step`."""
    if isinstance(payload, bytes):
        reached = {"RoundOpened": good.previous} | {one: T[i] for i, one in enumerate(CONTROL[3:])}
        payload = COORDINATOR.sign(kind or step, reached[step] if transcript is None else transcript, payload)
    refuse("org-a", name, READS, step, payload, reason, who, answers, instead, then)


def director(name, step, envelope, reason, who, then=None):
    """The director receives `envelope` before `step`, and then what it should have been."""
    refuse("director", name, HANDLES, step, envelope, reason, who, then=[step] if then is None else then)


def opened(**changed):
    return opening(**{"attempt": 2, "previous": good.previous} | changed)


def halves(key, mlkem=None, x=None):
    return (mlkem or key)[:1184] + (x or key)[1184:]


def with_coefficient(key, value):
    """The first ML-KEM coefficient set."""
    return struct.pack("<H", value | (key[1] & 0xF0) << 8) + key[2:]


LOW = bytes(32)
refused = {"answers": (), "then": ("RoundOpened",)}
member("opened: signature flipped", "RoundOpened", LOG["RoundOpened"].flipped(), "BAD_SIGNATURE", **refused)
member("opened: signed by org-b", "RoundOpened", MEMBERS["org-b"].sign("RoundOpened", good.previous, opened(), sender="coordinator"),
       "BAD_SIGNATURE", **refused)
member("opened: org-b's signature under the coordinator's fingerprint", "RoundOpened",
       MEMBERS["org-b"].sign("RoundOpened", good.previous, opened(), sender="coordinator", fingerprint=h(COORDINATOR.key)),
       "BAD_SIGNATURE", **refused)
member("opened: for another federation", "RoundOpened",
       wire.Signer("south", "coordinator", fixed("identity coordinator")).sign("RoundOpened", good.previous, opened()),
       "BAD_SIGNATURE", **refused)
member("opened: over another log", "RoundOpened", opened(), "FORKED_LOG", transcript=bytes(32), **refused)
member("opened: C_prev of another log", "RoundOpened", opened(previous=bytes(32)), "FORKED_LOG", **refused)
member("opened: an attempt is skipped", "RoundOpened", opened(attempt=3), "OTHER_ROUND", **refused)
member("opened: the aborted attempt again", "RoundOpened", opened(attempt=1), "OTHER_ROUND", **refused)
member("opened: the next round after an abort", "RoundOpened", opened(round=1, attempt=1), "OTHER_ROUND", **refused)
member("opened: an unknown field", "RoundOpened", opened() + wire.uint(99, 1), "MALFORMED", **refused)
member("opened: the cohort is not ascending", "RoundOpened", opened(cohort=IDS[::-1]), "MALFORMED", **refused)
member("opened: the cohort names org-b twice", "RoundOpened", opened(cohort=["org-a", "org-b", "org-b", "org-d"]), "MALFORMED", **refused)
member("opened: ringBits 20", "RoundOpened", opened(ringBits=20), "MALFORMED", **refused)
member("opened: an organisation that is not approved", "RoundOpened", opened(cohort=IDS + [OUTSIDER], threshold=4), "UNAPPROVED_ORGANISATION")
member("opened: candidates that lack a member of the cohort", "RoundOpened", opened(candidates=IDS[:3]), "MALFORMED", **refused)
member("opened: a cohort that its seed does not draw", "RoundOpened",
       opened(candidates=IDS + [OUTSIDER], cohort=sorted(tickets(IDS + [OUTSIDER])[1:])), "OTHER_COHORT")
member("opened: 2t = n", "RoundOpened", opened(threshold=2), "INFEASIBLE_PARAMETERS")
member("opened: 2t <= n + c", "RoundOpened", opened(maxColluders=2), "INFEASIBLE_PARAMETERS")
member("opened: t > n - maxDropouts", "RoundOpened", opened(threshold=4), "INFEASIBLE_PARAMETERS")
member("opened: minSurvivors 2", "RoundOpened", opened(minSurvivors=2), "INFEASIBLE_PARAMETERS")
member("opened: minSurvivors > n - maxDropouts", "RoundOpened", opened(minSurvivors=4), "INFEASIBLE_PARAMETERS")
member("opened: a cohort of three, one may drop out", "RoundOpened", opened(cohort=IDS[:3]), "INFEASIBLE_PARAMETERS")
member("opened: exact weights in 16 bits", "RoundOpened", opened(weighting="exact", ringBits=16), "INFEASIBLE_PARAMETERS")
member("opened: scalars are not the last vector", "RoundOpened", opened(layout=LAYOUT[::-1]), "INFEASIBLE_PARAMETERS")
member("opened: round key with a coefficient of q", "RoundOpened",
       opened(roundKey=with_coefficient(p.xwing_key(round_seed(2)), 3329)), "INVALID_KEY")
member("opened: round key with a low-order half", "RoundOpened", opened(roundKey=p.xwing_key(round_seed(2))[:1184] + LOW), "INVALID_KEY")


def roster(**changed):
    """The roster with other entries for some members; None leaves one out."""
    entries = [changed.get(u.replace("-", "_"), LOG[u + "/KeysAdvertised"]) for u in IDS]
    return wire.repeated(1, [one.encode() for one in entries if one])


def advertised(u, channel=None, mask=None, previous=None, transcript=None, signer=None):
    payload = wire.keys_advertised(channel or good.channel_key[u], mask or good.mask_key[u], previous or good.previous)
    return (signer or MEMBERS[u]).sign("KeysAdvertised", transcript or T[0], payload, sender=u)


KEY_FAULTS = [
    ("signature flipped", LOG["org-b/KeysAdvertised"].flipped(), "BAD_SIGNATURE", ()),
    ("signed by org-c", advertised("org-b", signer=MEMBERS["org-c"]), "BAD_SIGNATURE", ()),
    ("over another T0", advertised("org-b", transcript=T[1]), "OTHER_TRANSCRIPT", ("Disputed",)),
    ("another C_prev", advertised("org-b", previous=bytes(32)), "FORKED_LOG", ()),
    ("mask key with a coefficient of q", advertised("org-b", mask=with_coefficient(good.mask_key["org-b"], 3329)), "INVALID_KEY", ()),
    ("channel key with a coefficient of 4095", advertised("org-b", channel=with_coefficient(good.channel_key["org-b"], 4095)),
     "INVALID_KEY", ()),
    ("mask key with a low-order half", advertised("org-b", mask=good.mask_key["org-b"][:1184] + LOW), "INVALID_KEY", ()),
    ("channel key with a half that is not canonical",
     advertised("org-b", channel=good.channel_key["org-b"][:1184] + p.P.to_bytes(32, "little")), "INVALID_KEY", ()),
    ("one key twice", advertised("org-b", mask=good.channel_key["org-b"]), "REPEATED_KEY", ()),
    ("org-a's mask key", advertised("org-b", mask=good.mask_key["org-a"]), "REPEATED_KEY", ()),
    ("the ML-KEM half of org-a's key", advertised("org-b", mask=halves(good.mask_key["org-b"], mlkem=good.mask_key["org-a"])),
     "REPEATED_KEY", ()),
    ("the X25519 half of org-a's key", advertised("org-b", channel=halves(good.channel_key["org-b"], x=good.mask_key["org-a"])),
     "REPEATED_KEY", ()),
]
for what, envelope, reason, more in KEY_FAULTS:
    member("roster: keys of org-b: " + what, "RosterSealed", roster(org_b=envelope), reason, answers=("RoundDeclined",) + more)
    director("keys of org-b: " + what, "org-b/KeysAdvertised", envelope, reason, "org-b")
another = advertised("org-b", mask=p.xwing_key(fixed("another mask key")))
member("roster: own keys replaced", "RosterSealed",
       roster(org_a=advertised("org-a", mask=p.xwing_key(fixed("another mask key")))), "OWN_MESSAGE_ALTERED")
member("roster: not in order", "RosterSealed", wire.repeated(1, [LOG[u + "/KeysAdvertised"].encode() for u in IDS[::-1]]), "NOT_A_SUBSET")
member("roster: org-b twice", "RosterSealed", roster(org_c=LOG["org-b/KeysAdvertised"]), "NOT_A_SUBSET")
member("roster: of two", "RosterSealed", roster(org_c=None, org_d=None), "TOO_FEW")
member("roster: an organisation outside the cohort", "RosterSealed",
       roster() + wire.message(1, MEMBERS[OUTSIDER].sign("KeysAdvertised", T[0], wire.keys_advertised(
           p.xwing_key(fixed("outside 1")), p.xwing_key(fixed("outside 2")), good.previous)).encode()), "NOT_A_SUBSET")
member("roster: a stranger", "RosterSealed",
       roster() + wire.message(1, STRANGER.sign("KeysAdvertised", T[0], wire.keys_advertised(
           p.xwing_key(fixed("outside 1")), p.xwing_key(fixed("outside 2")), good.previous)).encode()), "UNKNOWN_SENDER")
member("roster: another message in it", "RosterSealed", roster(org_b=LOG["org-b/SharesDealt"]), "UNEXPECTED_MESSAGE")
member("roster: over another T0", "RosterSealed", roster(), "OTHER_TRANSCRIPT", transcript=T[1], answers=(), then=("RosterSealed",))
member("roster: signature flipped", "RosterSealed", LOG["RosterSealed"].flipped(), "BAD_SIGNATURE", answers=(), then=("RosterSealed",))
member("roster: another attempt is opened instead", "RosterSealed", opening(3, T[0]), "UNEXPECTED_MESSAGE", kind="RoundOpened", answers=(),
       then=("RosterSealed",))
member("roster: U2 is sealed instead", "RosterSealed", LOG["SharesRouted"].payload, "UNEXPECTED_MESSAGE", kind="SharesRouted")
director("keys of org-b: a second time, others", "org-c/KeysAdvertised", another, "EQUIVOCATION", "org-b")
director("keys of an organisation outside the cohort", "org-b/KeysAdvertised",
         advertised(OUTSIDER, p.xwing_key(fixed("outside 1")), p.xwing_key(fixed("outside 2"))), "NOT_A_SUBSET", OUTSIDER)
director("keys of a stranger", "org-b/KeysAdvertised",
         STRANGER.sign("KeysAdvertised", T[0], LOG["org-b/KeysAdvertised"].payload), "UNKNOWN_SENDER", "org-x")
director("keys: shares instead", "org-b/KeysAdvertised",
         MEMBERS["org-b"].sign("SharesDealt", T[0], LOG["org-b/SharesDealt"].payload), "UNEXPECTED_MESSAGE", "org-b")


def routed(pairs):
    return wire.repeated(1, wire.named(pairs))


def dealers(**changed):
    return routed([(u, changed.get(u.replace("-", "_"), LOG[u + "/SharesDealt"]).hash()) for u in IDS])


def dealt(boxes=None, ciphertexts=None, transcript=None):
    return MEMBERS["org-b"].sign(
        "SharesDealt", transcript or T[1], good.dealt("org-b", boxes or good.boxes("org-b"), ciphertexts))


boxes, mine = good.boxes("org-b"), [good.ciphertext["org-b", v] for v in ("org-c", "org-d")]
assert dealt().encode() == LOG["org-b/SharesDealt"].encode()
DEALT_FAULTS = [
    ("signature flipped", LOG["org-b/SharesDealt"].flipped(), "BAD_SIGNATURE"),
    ("one ciphertext too few", dealt(ciphertexts=mine[:1]), "WRONG_COUNTS"),
    ("one ciphertext too many", dealt(ciphertexts=mine + [good.ciphertext["org-a", "org-d"]]), "WRONG_COUNTS"),
    ("one ciphertext twice", dealt(ciphertexts=[mine[0], mine[0]]), "REPEATED_KEY"),
    ("half of a ciphertext twice", dealt(ciphertexts=[mine[0], mine[1][:1088] + mine[0][1088:]]), "REPEATED_KEY"),
    ("ciphertext with a low-order half", dealt(ciphertexts=[mine[0][:1088] + LOW, mine[1]]), "INVALID_KEY"),
    ("ciphertext with a half that is not canonical", dealt(ciphertexts=[mine[0], mine[1][:1088] + p.P.to_bytes(32, "little")]), "INVALID_KEY"),
]
for what, envelope, reason in DEALT_FAULTS:
    member("routed: shares of org-b: " + what, "SharesRouted", dealers(org_b=envelope), reason, "org-b",
           instead={"org-b/SharesDealt": envelope})
    director("shares of org-b: " + what, "org-b/SharesDealt", envelope, reason, "org-b")
other = dealt(transcript=T[0])
member("routed: shares of org-b: over another T1", "SharesRouted", dealers(org_b=other), "OTHER_TRANSCRIPT", "org-b",
       ("RoundDeclined", "Disputed"), instead={"org-b/SharesDealt": other})
director("shares of org-b: over another T1", "org-b/SharesDealt", other, "OTHER_TRANSCRIPT", "org-b")
director("shares of org-b: a second time, others", "org-c/SharesDealt", dealt(boxes=boxes[::-1]), "EQUIVOCATION", "org-b")
director("shares of an organisation outside the roster", "org-b/SharesDealt",
         MEMBERS[OUTSIDER].sign("SharesDealt", T[1], LOG["org-b/SharesDealt"].payload), "NOT_A_SUBSET", OUTSIDER)
for what, box, reason in [
    ("sealed under another T1", good.box("org-b", "org-a", good.plain("org-b", "org-a"), bytes(64), T[0]), "SEALED_SHARE"),
    ("sealed to org-c", boxes[1], "SEALED_SHARE"),
    ("flipped", boxes[0][:-1] + bytes([boxes[0][-1] ^ 1]), "SEALED_SHARE"),
    ("of org-d", good.box("org-d", "org-a", good.plain("org-b", "org-a"), bytes(64)), "SEALED_SHARE"),
    ("holds another share", good.box("org-b", "org-a", good.plain("org-b", "org-c"), bytes(64)), "COMMITMENT"),
    ("holds another share of the master only",
     good.box("org-b", "org-a", good.plain("org-b", "org-c")[:64] + good.plain("org-b", "org-a")[64:], bytes(64)), "COMMITMENT"),
    ("holds another salt of the self mask",
     good.box("org-b", "org-a", good.plain("org-b", "org-a")[:96] + bytes(32), bytes(64)), "COMMITMENT"),
]:
    envelope = dealt(boxes=[box] + boxes[1:])
    member("routed: box of org-b: " + what, "SharesRouted", dealers(org_b=envelope), reason, "org-b", ("Complaint",),
           instead={"org-b/SharesDealt": envelope})
member("routed: own shares replaced", "SharesRouted", routed([("org-a", bytes(32))] + [(u, LOG[u + "/SharesDealt"].hash()) for u in IDS[1:]]),
       "OWN_MESSAGE_ALTERED")
member("routed: shares that nobody published", "SharesRouted",
       routed([("org-b", bytes(32)) if u == "org-b" else (u, LOG[u + "/SharesDealt"].hash()) for u in IDS]), "EQUIVOCATION")
member("routed: org-c's shares as org-b's", "SharesRouted",
       routed([(u, LOG[("org-c" if u == "org-b" else u) + "/SharesDealt"].hash()) for u in IDS]), "EQUIVOCATION")
member("routed: an organisation outside the roster", "SharesRouted",
       routed([(u, LOG[u + "/SharesDealt"].hash()) for u in IDS] + [(OUTSIDER, bytes(32))]), "NOT_A_SUBSET")
member("routed: of two", "SharesRouted", routed([(u, LOG[u + "/SharesDealt"].hash()) for u in IDS[:2]]), "TOO_FEW")
member("routed: over another T1", "SharesRouted", dealers(), "OTHER_TRANSCRIPT", transcript=T[0], answers=(), then=("SharesRouted",))


def manifest(vectors, transcript=None, signer=None, u="org-b"):
    return (signer or MEMBERS[u]).sign("UpdateManifest", transcript or T[2], wire.manifest(vectors), sender=u)


hashes = [("adapter", [fixed("any hash")]), ("scalars", [fixed("any hash")])]
director("manifest of org-b: a second time, another", "org-d/UpdateManifest", manifest(hashes), "EQUIVOCATION", "org-b")
director("manifest of org-b: a vector too few", "org-b/UpdateManifest", manifest(hashes[:1]), "WRONG_COUNTS", "org-b")
director("manifest of org-b: vectors in another order", "org-b/UpdateManifest", manifest(hashes[::-1]), "WRONG_COUNTS", "org-b")
director("manifest of org-b: a chunk too many", "org-b/UpdateManifest",
         manifest([("adapter", [bytes(32)] * 2), hashes[1]]), "WRONG_COUNTS", "org-b")
director("manifest of org-b: over another T2", "org-b/UpdateManifest", manifest(hashes, T[1]), "OTHER_TRANSCRIPT", "org-b")
director("manifest of org-b: signed by org-c", "org-b/UpdateManifest", manifest(hashes, signer=MEMBERS["org-c"]), "BAD_SIGNATURE", "org-b")
director("manifest of an organisation outside U2", "org-b/UpdateManifest", manifest(hashes, u=OUTSIDER), "NOT_A_SUBSET", OUTSIDER)
director("manifest: shares again instead", "org-b/UpdateManifest",
         MEMBERS["org-b"].sign("SharesDealt", T[2], LOG["org-b/SharesDealt"].payload), "UNEXPECTED_MESSAGE", "org-b")


def survivors(pairs):
    return wire.repeated(1, wire.named(pairs))


sealed = [(u, LOG[u + "/UpdateManifest"].hash()) for u in SURVIVORS]
member("survivors: own manifest replaced", "SurvivorsSealed", survivors([("org-a", bytes(32))] + sealed[1:]), "OWN_MESSAGE_ALTERED")
member("survivors: an organisation outside U2", "SurvivorsSealed", survivors(sealed + [(OUTSIDER, bytes(32))]), "NOT_A_SUBSET")
member("survivors: of two", "SurvivorsSealed", survivors(sealed[:2]), "TOO_FEW")
member("survivors: not ascending", "SurvivorsSealed", survivors(sealed[::-1]), "MALFORMED", answers=(), then=("SurvivorsSealed",))
member("survivors: unmasking is requested instead", "SurvivorsSealed", LOG["UnmaskRequested"].payload, "UNEXPECTED_MESSAGE",
       kind="UnmaskRequested")


def request(*envelopes):
    return wire.repeated(1, [envelope.encode() for envelope in envelopes])


confirmed = [LOG[u + "/SurvivorsConfirmed"] for u in SURVIVORS]
of_c = MEMBERS["org-c"].sign("SurvivorsConfirmed", T[3], b"")
elsewhere = MEMBERS["org-d"].sign("SurvivorsConfirmed", T[2], b"")
member("unmask: two confirmations", "UnmaskRequested", request(*confirmed[:2]), "TOO_FEW")
member("unmask: one confirmation twice", "UnmaskRequested", request(confirmed[0], confirmed[1], confirmed[1]), "TOO_FEW")
member("unmask: a confirmation of another T3", "UnmaskRequested", request(*confirmed[:2], elsewhere), "OTHER_TRANSCRIPT",
       answers=("RoundDeclined", "Disputed"))
member("unmask: a confirmation by org-c", "UnmaskRequested", request(*confirmed[:2], of_c), "NOT_A_SUBSET")
member("unmask: a confirmation with a flipped signature", "UnmaskRequested", request(*confirmed[:2], confirmed[2].flipped()), "BAD_SIGNATURE")
member("unmask: a manifest as a confirmation", "UnmaskRequested", request(*confirmed[:2], LOG["org-d/UpdateManifest"]), "OTHER_TRANSCRIPT",
       answers=("RoundDeclined", "Disputed"))
member("unmask: over another T3", "UnmaskRequested", request(*confirmed), "OTHER_TRANSCRIPT", transcript=T[2], answers=(),
       then=("UnmaskRequested",))
member("closed: signature flipped", "RoundClosed", LOG["RoundClosed"].flipped(), "BAD_SIGNATURE", answers=(), then=("RoundClosed",))
member("closed: over another T4", "RoundClosed", LOG["RoundClosed"].payload, "OTHER_TRANSCRIPT", transcript=T[3], answers=(),
       then=("RoundClosed",))
director("confirmation by org-c", "org-b/SurvivorsConfirmed", of_c, "NOT_A_SUBSET", "org-c")
director("confirmation of another T3", "org-d/SurvivorsConfirmed", elsewhere, "OTHER_TRANSCRIPT", "org-d")
director("confirmation with a flipped signature", "org-d/SurvivorsConfirmed", confirmed[2].flipped(), "BAD_SIGNATURE", "org-d")


def reveal(plain, u="org-b", transcript=None, info=None):
    return MEMBERS[u].sign("SharesRevealed", transcript or T[4], wire.data(1, good.reveal(u, plain, bytes(64), info)))


right = good.revealed("org-b")
director("revealed by org-b: sealed under another T4", "org-b/SharesRevealed", reveal(right, info=T[3]), "SEALED_SHARE", "org-b")
director("revealed by org-b: over another T4", "org-b/SharesRevealed", reveal(right, transcript=T[3]), "OTHER_TRANSCRIPT", "org-b")
director("revealed by org-b: org-d's box", "org-b/SharesRevealed",
         MEMBERS["org-b"].sign("SharesRevealed", T[4], LOG["org-d/SharesRevealed"].payload), "SEALED_SHARE", "org-b")
director("revealed by org-b: org-d's shares", "org-b/SharesRevealed", reveal(good.revealed("org-d")), "COMMITMENT", "org-b")
director("revealed by org-b: both kinds for org-c", "org-b/SharesRevealed",
         reveal(good.revealed("org-b", IDS, [DROPPED])), "MALFORMED", "org-b")
director("revealed by org-b: the master's share of a survivor", "org-b/SharesRevealed",
         reveal(good.revealed("org-b", ["org-b", "org-d"], ["org-a", "org-c"])), "WRONG_COUNTS", "org-b")
director("revealed by org-b: one share too few", "org-b/SharesRevealed",
         reveal(good.revealed("org-b", SURVIVORS[:2])), "WRONG_COUNTS", "org-b")
director("revealed by org-b: none of the dropped member", "org-b/SharesRevealed",
         reveal(good.revealed("org-b", SURVIVORS, [])), "WRONG_COUNTS", "org-b")
director("revealed by org-b: owners not ascending", "org-b/SharesRevealed",
         reveal(good.revealed("org-b", SURVIVORS[::-1])), "MALFORMED", "org-b")
director("revealed by org-b: no message in the box", "org-b/SharesRevealed", reveal(b"\xff" * 40), "MALFORMED", "org-b")
director("revealed by org-b: a share of 31 bytes", "org-b/SharesRevealed",
         reveal(wire.revealed([("org-a", bytes(31), bytes(32))], [])), "MALFORMED", "org-b")
director("revealed by org-c", "org-b/SharesRevealed", reveal(good.revealed("org-c"), "org-c"), "NOT_A_SUBSET", "org-c")
director("revealed by org-b: a second time, sealed anew", "org-d/SharesRevealed", reveal(right), "EQUIVOCATION", "org-b")

chunks = []


def chunk_case(name, envelope, reason=""):
    chunks.append({"name": name, "envelope": envelope.encode().hex(), "success": not reason, "reason": reason})


adapter_chunk = LOG["org-b/UpdateChunk/adapter"]
body = adapter_chunk.payload[-99:]
chunk_case("good", adapter_chunk)
chunk_case("good scalars", LOG["org-b/UpdateChunk/scalars"])
chunk_case("flipped bit", good.chunk("org-b", "adapter", 0, bytes([body[0] ^ 1]) + body[1:]), "OTHER_CHUNK")
chunk_case("another vector", good.chunk("org-b", "scalars", 0, body), "OTHER_CHUNK")
chunk_case("an unknown vector", good.chunk("org-b", "control", 0, body), "OTHER_CHUNK")
chunk_case("another index", good.chunk("org-b", "adapter", 1, body), "OTHER_CHUNK")
chunk_case("one word short", good.chunk("org-b", "adapter", 0, body[:-3]), "OTHER_CHUNK")
chunk_case("of org-d", LOG["org-d/UpdateChunk/adapter"], "UNEXPECTED_MESSAGE")
chunk_case("signed by org-d", MEMBERS["org-d"].sign("UpdateChunk", T[2], adapter_chunk.payload, enc("adapter", 0, h(body)), sender="org-b"),
           "BAD_SIGNATURE")
chunk_case("signature over the payload", MEMBERS["org-b"].sign("UpdateChunk", T[2], adapter_chunk.payload), "BAD_SIGNATURE")
chunk_case("signature flipped", adapter_chunk.flipped(), "BAD_SIGNATURE")

# ---- the registry's hash chain, and the keys of a version ----

delivery_signed = {u: p.ed25519_sign(MEMBERS[u].seed, enc("sotto/1", "delivery-key", FED, u, h(DELIVERY[u]))) for u in IDS}


def enrolled(u, signature=None, generation=1):
    return wire.message(1, wire.data(1, u) + wire.uint(2, generation) + wire.data(3, "CN=" + u) + wire.data(4, MEMBERS[u].key)
                        + wire.data(5, DELIVERY[u]) + wire.data(6, signature or delivery_signed[u]) + wire.data(7, "2a"))


head, registry = bytes(32), []
for payload in [enrolled("org-a"), enrolled("org-b"), wire.message(2, wire.data(1, "org-a") + wire.data(2, "left")), enrolled("org-a", generation=2)]:
    envelope = COORDINATOR.sign("RegistryEntry", head, payload)
    head = h(enc("sotto/1/RegistryEntry", head, payload))
    registry.append({"envelope": envelope.encode().hex(), "head": head.hex()})
registry_bad = [
    ("a delivery key that org-b signed", COORDINATOR.sign("RegistryEntry", head, enrolled("org-c", delivery_signed["org-b"])), "BAD_SIGNATURE"),
    ("an entry of another head", COORDINATOR.sign("RegistryEntry", bytes(32), enrolled("org-c")), "OTHER_TRANSCRIPT"),
    ("signed by org-b", MEMBERS["org-b"].sign("RegistryEntry", head, enrolled("org-c"), sender="coordinator"), "BAD_SIGNATURE"),
    ("neither enrolled nor revoked", COORDINATOR.sign("RegistryEntry", head, b""), "MALFORMED"),
    ("an abort", COORDINATOR.sign("RoundAborted", head, wire.data(1, "Operator")), "UNEXPECTED_MESSAGE"),
]

VERSION, DIGEST = 1, fixed("model digest")
model_key = expand(K, good.ctx("model-key", T[4]), 32)


def key_box(u, receiver=None, version=VERSION, digest=DIGEST):
    info = formulas.ctx("model", FED, version, 0, digest, version, receiver or u)
    return p.hpke_seal(DELIVERY[u], info, model_key, fixed("model key box " + u, 64))


model_keys = COORDINATOR.sign("ModelKeys", DIGEST, wire.uint(1, VERSION) + wire.data(2, DIGEST) + wire.data(3, T[4])
                              + wire.repeated(4, [wire.data(1, u) + wire.data(2, key_box(u)) for u in IDS]))

path = pathlib.Path(__file__).parent.parent / "resources" / "messages.json"
path.write_text(json.dumps({
    "coordinator": {"identity": fixed("identity coordinator").hex(), "k": K.hex(), "draws": [d.hex() for d in good.draws["coordinator"]]},
    "members": {u: {
        "identity": fixed("identity " + u).hex(), "delivery": fixed("delivery " + u).hex(), "salt": fixed("salt " + u).hex(),
        "draws": [d.hex() for d in good.draws[u]], "update": update(u), "weight": WEIGHTS[u], "loss": LOSSES[u],
    } for u in IDS},
    "outsider": {"id": OUTSIDER, "identity": fixed("identity " + OUTSIDER).hex()},
    "reads": READS, "handles": HANDLES,
    "log": {name: envelope.encode().hex() for name, envelope in LOG.items()},
    "bad": bad,
    "lies": {name: {"who": who, "log": {key: envelope.encode().hex() for key, envelope in Round(lie).log.items() if "Chunk" not in key}}
             for name, (lie, who) in LIES.items()},
    "chunks": chunks,
    "registry": {"entries": registry, "bad": [{"name": name, "envelope": e.encode().hex(), "reason": r} for name, e, r in registry_bad]},
    "modelKeys": {
        "envelope": model_keys.encode().hex(), "key": model_key.hex(),
        "bad": {"sealed to org-b": key_box("org-b", "org-a").hex(), "for org-b": key_box("org-a", "org-b").hex(),
                "of another version": key_box("org-a", version=2).hex(), "of another digest": key_box("org-a", digest=T[0]).hex()},
    },
}, indent=0) + "\n")
