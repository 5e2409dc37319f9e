"""Known answers for the metrics, computed from their definitions without any of the code under test.

Usage: python3 scores.py > scores.json    (standard library only)
"""
import itertools
import json
import math
import random
import re
import string


def f1_scores(truth, predicted):
    labels = sorted(set(truth) | set(predicted))
    scores, supports = [], []
    for label in labels:
        hits = sum(t == label == p for t, p in zip(truth, predicted))
        claimed, actual = predicted.count(label), truth.count(label)
        precision = hits / claimed if claimed else 0.0
        recall = hits / actual if actual else 0.0
        scores.append(2 * precision * recall / (precision + recall) if hits else 0.0)
        supports.append(actual)
    return {
        "truth": truth,
        "predicted": predicted,
        "accuracy": sum(t == p for t, p in zip(truth, predicted)) / len(truth),
        "macroF1": sum(scores) / len(scores),
        "weightedF1": sum(s * n for s, n in zip(scores, supports)) / len(truth),
    }


# DROP, step by step as its paper's script describes: lower case, punctuation, numbers, articles, white space; then
# bags of words, aligned one to one for the largest sum.
def is_number(token):
    try:
        float(token)
        return True
    except ValueError:
        return False


def normalise(text):
    parts = []
    for token in re.split(" |-", text):
        token = token.lower()
        if not is_number(token):
            token = "".join(c for c in token if c not in set(string.punctuation))
        if is_number(token):
            token = str(float(token))
        token = re.sub(r"\b(a|an|the)\b", " ", token)
        token = " ".join(token.split())
        if token.strip():
            parts.append(token)
    return " ".join(parts).strip()


def bag_f1(predicted, gold):
    numbers = {w for w in gold if is_number(w)}
    if numbers and not numbers & {w for w in predicted if is_number(w)}:
        return 0.0
    common = len(gold & predicted)
    precision = common / len(predicted) if predicted else 1.0
    recall = common / len(gold) if gold else 1.0
    return 2 * precision * recall / (precision + recall) if precision or recall else 0.0


def drop(predicted, gold):
    p, g = [normalise(s) for s in predicted], [normalise(s) for s in gold]
    exact = set(p) == set(g) and len(p) == len(g)
    n = max(len(p), len(g))
    table = [[bag_f1(set(p[j].split()), set(g[i].split())) if i < len(g) and j < len(p) else 0.0 for j in range(n)] for i in range(n)]
    best = max(sum(table[i][order[i]] for i in range(n)) for order in itertools.permutations(range(n)))
    # The script rounds a NumPy number: times a hundred, half to even.
    return {"predicted": predicted, "gold": gold, "exact": exact, "f1": round(best / n * 100) / 100}


chooser = random.Random(7)
words = ["the", "a", "red", "Red.", "fox", "12", "12.0", "1,200", "3-4", "an", "U.S.", "yards", "-", "é", "7%", "5e3", "yard"]
drops = [
    drop(["The Denver Broncos"], ["Denver Broncos"]),
    drop(["4"], ["4.0"]),
    drop(["four"], ["4"]),
    drop(["12 yards"], ["12-yard"]),
    drop(["the"], ["a"]),
    drop(["red fox"], ["red fox", "blue fox"]),
    drop(["1,200"], ["1200"]),
    drop(["12 March 1999"], ["March 12 1999"]),
    drop(["New York", "Boston"], ["Boston", "New York"]),
]
for _ in range(120):
    spans = lambda: [" ".join(chooser.choices(words, k=chooser.randint(1, 4))) for _ in range(chooser.randint(1, 4))]
    drops.append(drop(spans(), spans()))

labels = [
    f1_scores(["p", "n", "u", "p", "n"], ["p", "n", "u", "p", "n"]),
    f1_scores(["p", "n", "u", "p"], ["p", "p", "u", "n"]),
    f1_scores(["p", "p", "p"], ["u", "u", "u"]),
    f1_scores(["p", "n"], ["p", "x"]),
]
for _ in range(20):
    n = chooser.randint(1, 40)
    labels.append(f1_scores(chooser.choices(["positive", "negative", "neutral"], k=n), chooser.choices(["positive", "negative", "neutral", "mixed"], [5, 3, 2, 1], k=n)))

hashes = []
for text in ["so 4 + 4 = 8\n#### 8", "#### -2", "#### 1,206", "#### 3.50 dollars", "####8", "no answer", "#### 1\n#### 2", "#### $5"]:
    match = re.compile(r"#### (\-?[0-9\.\,]+)").search(text)
    hashes.append({"text": text, "answer": match.group(1).strip().replace(",", "") if match else None})

texts = [["one two  three", -6.5, 4], ["Größe", -3.25, 2]]
total, tokens = sum(t[1] for t in texts), sum(t[2] for t in texts)
perplexity = {
    "texts": texts,
    "loss": -total / tokens,
    "perplexity": math.exp(-total / tokens),
    "wordPerplexity": math.exp(-total / sum(len(re.split(r"\s+", t[0])) for t in texts)),
    "bitsPerByte": -total / math.log(2) / sum(len(t[0].encode()) for t in texts),
}

print(json.dumps({"labels": labels, "drop": drops, "hashes": hashes, "perplexity": perplexity}, ensure_ascii=False, indent=1))
