"""Measures the embedded model against its own text. numpy and tokenizers (Python); `bits` needs torch and transformers too.

    python spark.py kneser-ney MODEL TEXT...      interpolated modified Kneser-Ney on the same split and the same tokens, and on bytes
    python spark.py bits MODEL TEXT...            the model's own loss on the same held-out blocks, computed by transformers
    python spark.py script MODEL                  a Lantern script that writes a hundred samples
    python spark.py samples FILE TEXT... --dictionary DICT...  words of its output that stand in a dictionary; spans copied from the text

MODEL is a folder that `%save` wrote; TEXT are the files given to `%pretrain`, in the same order. The split is Lantern's own: documents ended by
eos as one stream, blocks, a shuffle by xoshiro256++ (src/data/split.rs, src/random.rs).
"""

import argparse
import collections
import json
import math
import pathlib
import re
import sys

import numpy as np

MASK = (1 << 64) - 1


class Random:
    """src/random.rs: xoshiro256++, seeded by splitmix64."""

    def __init__(self, seed):
        self.state = []
        for _ in range(4):
            seed = (seed + 0x9E3779B97F4A7C15) & MASK
            z = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
            self.state.append(z ^ (z >> 31))

    def bits(self):
        def rotated(x, k):
            return ((x << k) | (x >> (64 - k))) & MASK

        s = self.state
        result = (rotated((s[0] + s[3]) & MASK, 23) + s[0]) & MASK
        t = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotated(s[3], 45)
        return result

    def fork(self, purpose):
        tag = 0xCBF29CE484222325
        for byte in purpose.encode():
            tag = ((tag ^ byte) * 0x100000001B3) & MASK
        return Random(self.bits() ^ tag)

    def shuffled(self, n):
        order = list(range(n))
        for i in range(n - 1, 0, -1):
            j = (self.bits() * (i + 1)) >> 64
            order[i], order[j] = order[j], order[i]
        return order


def tokenizer(model):
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(pathlib.Path(model) / "tokenizer.json"))


def byte_lengths(raw):
    """Bytes of text that each token stands for; a special token stands for none."""
    specials = {token.content for token in raw.get_added_tokens_decoder().values()}
    table = raw.get_vocab()
    lengths = np.zeros(len(table), dtype=np.int64)
    for token, index in table.items():
        # In byte-level BPE one character is one byte.
        lengths[index] = 0 if token in specials else len(token)
    return lengths


def split(stream, block, val, seed):
    """Index of each held-out block, as src/data/split.rs picks them."""
    # A last block of one token teaches nothing and is left out.
    blocks = -(-(len(stream) - 1) // block)
    kept = min(max(int(math.floor(blocks * val + 0.5)), 1), blocks - 1)
    order = Random(seed).fork("split").shuffled(blocks)
    return blocks, order[blocks - kept :]


def prepared(arguments):
    raw = tokenizer(arguments.model)
    documents = [pathlib.Path(path).read_text(encoding="utf-8") for path in arguments.text]
    end = raw.token_to_id("<|endoftext|>")
    stream = []
    for document in documents:
        stream += raw.encode(document, add_special_tokens=False).ids + [end]
    stream = np.array(stream, dtype=np.int64)
    blocks, held = split(stream, arguments.block, arguments.val, arguments.seed)
    print(f"{len(stream)} tokens, {blocks} blocks of {arguments.block}, {len(held)} held out")
    return raw, stream, blocks, sorted(held)


class KneserNey:
    """Interpolated modified Kneser-Ney. Chen and Goodman, An empirical study of smoothing techniques (1998), section 3."""

    def __init__(self, segments, vocabulary, order):
        self.order, self.base = order, vocabulary
        assert vocabulary**order < 1 << 63
        top = np.concatenate([grams(s, order, vocabulary) for s in segments if len(s) >= order])
        keys, counts = np.unique(top, return_counts=True)
        self.levels = [self.level(keys, counts)]
        for k in range(order - 1, 0, -1):
            # How many different tokens were seen before each k-gram; those at the very start of a segment have none.
            keys, counts = np.unique(keys % vocabulary**k, return_counts=True)
            self.levels.append(self.level(keys, counts))
        self.levels.reverse()

    def level(self, keys, counts):
        n = [max(int((counts == c).sum()), 1) for c in (1, 2, 3, 4)]
        y = n[0] / (n[0] + 2 * n[1])
        discounts = np.array([0, 1 - 2 * y * n[1] / n[0], 2 - 3 * y * n[2] / n[1], 3 - 4 * y * n[3] / n[2]])
        cut = discounts[np.minimum(counts, 3)]
        contexts, where = np.unique(keys // self.base, return_inverse=True)
        total = np.bincount(where, weights=counts)
        spare = np.bincount(where, weights=cut) / total
        return keys, (counts - cut) / total[where], contexts, spare

    def probability(self, stream, at, reach):
        """Of the tokens at `at`, each seeing at most `reach` tokens before it."""
        p = np.full(len(at), 1 / self.base)
        for k, (keys, share, contexts, spare) in enumerate(self.levels, start=1):
            some = np.flatnonzero(reach >= k - 1)
            context = np.zeros(len(some), dtype=np.int64)
            for back in range(k - 1, 0, -1):
                context = context * self.base + stream[at[some] - back]
            known, place = found(contexts, context)
            some, context, place = some[known], context[known], place[known]
            seen, where = found(keys, context * self.base + stream[at[some]])
            p[some] = spare[place] * p[some] + np.where(seen, share[where], 0)
        return p


def grams(stream, n, base):
    keys = np.zeros(len(stream) - n + 1, dtype=np.int64)
    for i in range(n):
        keys = keys * base + stream[i : len(stream) - n + 1 + i]
    return keys


def found(table, wanted):
    place = np.minimum(np.searchsorted(table, wanted), len(table) - 1)
    return table[place] == wanted, place


def kneser_ney(arguments):
    raw, stream, blocks, held = prepared(arguments)
    size, lengths = arguments.block, byte_lengths(raw)
    held_out = np.zeros(blocks, dtype=bool)
    held_out[held] = True
    # Neighbouring training blocks are joined: the counts of n-grams across them are the opponent's too.
    segments, start = [], None
    for i in range(blocks + 1):
        inside = i < blocks and not held_out[i]
        if inside and start is None:
            start = i
        if not inside and start is not None:
            segments.append(stream[start * size : i * size])
            start = None
    at = np.concatenate([np.arange(i * size + 1, min((i + 1) * size, len(stream))) for i in held])
    total = lengths[stream[at]].sum()
    print(f"{len(at)} tokens scored, {total} bytes, {total / len(at):.3f} bytes a token")
    for order in range(2, 6):
        model = KneserNey(segments, raw.get_vocab_size(), order)
        for name, reach in [("as the model", at % size), ("and the text before the block", np.minimum(at, 99))]:
            bits = -np.log2(model.probability(stream, at, reach)).sum()
            print(f"tokens, {order}-gram, context {name}: {bits * math.log(2) / len(at):.4f} nats a token, {bits / total:.4f} bits a byte")
    by_bytes(raw, stream, segments, at, total)


def by_bytes(raw, stream, segments, at, total):
    table = {index: token for token, index in raw.get_vocab().items()}
    alphabet = byte_alphabet()
    spelled = [np.array([alphabet[c] for c in table[i]] if i else [], dtype=np.int64) for i in range(len(table))]
    text = [np.concatenate([spelled[i] for i in segment]) for segment in segments]
    pieces = np.split(at, np.flatnonzero(np.diff(at) != 1) + 1)
    for order in (5, 7):
        model = KneserNey(text, 256, order)
        bits = 0.0
        for piece in pieces:
            line = np.concatenate([spelled[i] for i in stream[piece[0] - 1 : piece[-1] + 1]])
            first = len(spelled[stream[piece[0] - 1]])
            where = np.arange(first, len(line))
            bits -= np.log2(model.probability(line, where, where)).sum()
        print(f"bytes, {order}-gram: {bits / total:.4f} bits a byte")


def byte_alphabet():
    """The printable character that byte-level BPE writes for each byte (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(b): b for b in plain}
    for i, b in enumerate(b for b in range(256) if b not in plain):
        table[chr(256 + i)] = b
    return table


def bits(arguments):
    import torch
    from transformers import AutoModelForCausalLM

    raw, stream, _, held = prepared(arguments)
    lengths = byte_lengths(raw)
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32).eval()
    nats, tokens, total = 0.0, 0, 0
    with torch.no_grad():
        for i in held:
            ids = stream[i * arguments.block : (i + 1) * arguments.block]
            if len(ids) < 2:
                continue
            logits = model(torch.tensor(ids)[None]).logits[0, :-1]
            nats += torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="sum").item()
            tokens += len(ids) - 1
            total += int(lengths[ids[1:]].sum())
    print(f"{tokens} tokens, {total} bytes: {nats / tokens:.4f} nats a token, {nats / math.log(2) / total:.4f} bits a byte")


PROMPTS = ["Once upon a time", "It was a", "She", "In the morning", "My dear", "Mr. Holmes", "The prince", "London", "Do you", "There was"]


def script(arguments):
    """A Lantern script: a hundred samples, ten seeds for each of ten prompts. Its output is what `samples` reads."""
    print(f"%load {arguments.model} --json")
    for i, seed in enumerate(range(1, 101)):
        print(f'%generate "{PROMPTS[i % 10]}" max_new_tokens=60 temperature=0.8 seed={seed} --json')


def samples(arguments):
    text = " ".join(" ".join(pathlib.Path(path).read_text(encoding="utf-8") for path in arguments.text).split())
    dictionary = {line.strip() for path in arguments.dictionary for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()}
    rows = [json.loads(line) for line in pathlib.Path(arguments.model).read_text(encoding="utf-8").splitlines() if '"stopped_by"' in line]
    share, words, missing = known(((PROMPTS[i % 10], row["text"]) for i, row in enumerate(rows)), dictionary)
    print(f"{len(rows)} samples, {words} words, {100 * share:.2f} % in the dictionary")
    print("not in it:", ", ".join(f"{word} {n}" for word, n in missing.most_common(60)))
    own, words, _ = known([("", text)], dictionary)
    print(f"the text itself: {words} words, {100 * own:.2f} % in the dictionary")
    spans = [longest_copy(" ".join((PROMPTS[i % 10] + row["text"]).split()), text) for i, row in enumerate(rows)]
    copied = [span for span in spans if len(span) >= 60]
    longest = max(spans, key=len)
    print(f"{len(copied)} samples with a span of 60 characters from the text; the longest span has {len(longest)}: {longest!r}")
    for span in copied:
        print("   ", repr(span))


def known(pieces, dictionary):
    """Share of words that stand in the dictionary as written, in lower case or with a capital. A word is letters, with apostrophes inside;
    words of the prompt do not count, nor a last one that the limit of tokens cut."""
    found, words, missing = 0, 0, collections.Counter()
    for prompt, text in pieces:
        whole = prompt + text
        for match in re.finditer(r"[^\W\d_]+(?:['’][^\W\d_]+)*", whole):
            word = match.group()
            if match.end() <= len(prompt) or match.end() == len(whole):
                continue
            words += 1
            if {word, word.lower(), word.capitalize()} & dictionary:
                found += 1
            else:
                missing[word] += 1
    return found / words, words, missing


def longest_copy(part, text):
    best = ""
    for start in range(len(part)):
        # Only a longer one is of interest.
        while start + len(best) < len(part) and part[start : start + len(best) + 1] in text:
            best = part[start : start + len(best) + 1]
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kneser-ney", "bits", "script", "samples"])
    parser.add_argument("model")
    parser.add_argument("--block", type=int, default=256)
    parser.add_argument("--val", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("text", nargs="*")
    parser.add_argument("--dictionary", nargs="+", default=[])
    arguments = parser.parse_args()
    {"kneser-ney": kneser_ney, "bits": bits, "script": script, "samples": samples}[arguments.what](arguments)


if __name__ == "__main__":
    sys.exit(main())
