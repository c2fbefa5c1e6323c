"""The tokenizers of gguf_models.py: their metadata, and the ids and chats that the reference makes of a list of texts.

The reference is transformers' class of the family, or Llama 3's own rule given to the tokenizers library; for SentencePiece it is
sentencepiece itself, segment by segment between special tokens.
"""
import io
import re

import sentencepiece
from gguf import TokenType
from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import BPE
from transformers import GPT2Tokenizer, PreTrainedTokenizerFast, Qwen2Tokenizer

from models import CHAT, vocabulary

# Merges on which the rules part: digits, capital contractions, line ends, runs of spaces, a bracket before a word.
MERGES = (
    "1 1|11 1|111 1|' S|' s|Ċ Ċ|Ġ Ġ|ĠĠ Ġ|! Ċ|( a|t h|th e|Ġ the|Ġ t|Ġ a|i n|e r|o n|r e|a n|Ġ 1".split("|")
)
WHOLE = "dog"  # stands in the place of the last merge's token: no merge leads to it
RULE = (  # Llama 3's tokenizer.json
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEXTS = [
    "dog", "dog\ndog", 
    "the cat and the dog", "The Dog's DOG'S dogs", " the  two   spaces    four", "1 11 111 1111 11111 1234567", "a1b2 11a 1.1 1,111",
    "\n", "\n\n", "a\nb\n\nc\n\n\nd", "line!\nnext!\n\nlast !", "\ttab\t\ttabs", " \n \n ", "trailing   ", "   leading", "", " ", "  ",
    "(a) (an) ((a)) f(a)=b[1]", "it's IT'S I'll I'LL we've", "x_y-z @home #1 $11 100%", "def f(a):\n    return a + 1\n", "caf\u00e9 cafe\u0301 na\u00efve",
    "\u6a21\u578b\u662f\u732b", "the \u6a21\u578b 11 \u732b", "\U0001f600 the \U0001f600", "\u00a0the\u00a0cat\u2003end", "A\u200bB \u0661\u0662\u0663 \u00b2\u00bd", "...!!!???",
]
MARKED = ["{b}the dog{e}", "{b} the dog {e}the dog{e}{e} 11", "a{b}\nb", "{b}user\nthe cat{e}\n{b}assistant\n"]
QWEN = (
    "{%- if messages[0].role != 'system' %}{{- '<|im_start|>system\nA lamp.<|im_end|>\n' }}{%- endif %}"
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)
LLAMA3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|im_start|>' + message['role'] + '\n\n'"
    "+ message['content'] | trim + '<|im_end|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
    "{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n\n' }}{% endif %}"
)
INST = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}"
)
TEMPLATES = {"llama": CHAT, "llama3": LLAMA3, "qwen2": QWEN, "qwen3": QWEN, "gpt2": CHAT, "mistral": INST}
PRE = {"llama": "smollm", "llama3": "llama-bpe", "qwen2": "qwen2", "qwen3": "qwen2", "gpt2": "gpt-2", "mistral": "default"}
CHATS = [
    [{"role": "user", "content": " the cat\n"}],
    [{"role": "user", "content": "the dog"}, {"role": "assistant", "content": "11 dogs"}, {"role": "user", "content": "1?"}],
]

SENTENCES = """The lantern stands on the table and the cat sits beside the lantern.
The model reads the text, the text is cut into tokens, and the tokens are numbers.
There are 11 cats and 111 dogs in the street; 1234 people read the paper on Monday.
He said that the house was there, and she said that the other house was not there.
def measure(text): return len(text) + 1  # the number of tokens
She reads, he writes, they measure the distance between the words.
Another day, another lantern: the light is in the street and on the water.
The reader understands the weather, the water and the winter.
When the weather is cold, the people of the town stay in the house and read.
""" + "\u732b\u5750\u5728\u6905\u5b50\u4e0a\uff0c\u732b\u770b\u7740\u706f\u3002\u6a21\u578b\u8bfb\u6587\u672c\uff0c\u6587\u672c\u88ab\u5207\u6210\u8bcd\u3002\n"


def tokens_of(name):
    """Tokens, merges and special tokens of a byte-level vocabulary of 120."""
    if name == "llama":
        return vocabulary(120)
    tokens, _, special = vocabulary(120)
    merges = [tuple(merge.split(" ")) for merge in MERGES]
    tokens = tokens[: -len(merges)] + ["".join(merge) for merge in merges]
    if name == "llama3":
        tokens, merges = tokens[:-1] + [WHOLE], merges[:-1]
    assert len(tokens) == len(set(tokens)) == 120
    return tokens, merges, special


def pieces():
    """A SentencePiece vocabulary of 400 with byte tokens, trained as Llama 2's was."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES.splitlines() * 2), model_writer=model, model_type="bpe", vocab_size=400, byte_fallback=True,
        add_dummy_prefix=True, remove_extra_whitespaces=False, normalization_rule_name="identity", split_digits=True,
        allow_whitespace_only_pieces=True, num_threads=1, minloglevel=2)
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def kind_of(model, index):
    """The token type that the converter writes for a piece."""
    if model.is_unknown(index):
        return TokenType.UNKNOWN
    return TokenType.CONTROL if model.is_control(index) else TokenType.BYTE if model.is_byte(index) else TokenType.NORMAL


def metadata(writer, name):
    """The tokenizer's keys."""
    if name == "mistral":
        model = pieces()
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list([model.id_to_piece(index) for index in range(400)])
        writer.add_token_scores([model.get_score(index) for index in range(400)])
        writer.add_token_types([kind_of(model, index) for index in range(400)])
        writer.add_unk_token_id(0)
        writer.add_add_bos_token(True)
        writer.add_add_eos_token(False)
    else:
        tokens, merges, special = tokens_of(name)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(PRE[name])
        writer.add_token_list(tokens)
        writer.add_token_types([TokenType.CONTROL if token in special else TokenType.NORMAL for token in tokens])
        writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if name != "mistral":
        writer.add_pad_token_id(2)
    if name == "llama":
        writer.add_unk_token_id(0)
        writer.add_add_bos_token(False)
        writer.add_add_space_prefix(False)
    elif name.startswith("qwen"):
        writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATES[name])


def reference(name):
    """transformers' tokenizer of a byte-level family."""
    tokens, merges, special = tokens_of(name)
    table = {token: index for index, token in enumerate(tokens)}
    named = {"bos_token": special[1], "eos_token": special[2], "pad_token": special[2]}
    if name == "gpt2":
        return GPT2Tokenizer(vocab=table, merges=merges, **named)
    if name.startswith("qwen"):
        return Qwen2Tokenizer(vocab=table, merges=merges, unk_token=None, **named)
    raw = Tokenizer(BPE(table, merges, ignore_merges=True))
    raw.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(RULE), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(special)
    raw.post_processor = processors.TemplateProcessing(single=f"{special[1]} $A", special_tokens=[(special[1], 1)])
    return PreTrainedTokenizerFast(tokenizer_object=raw, **named)


def segments(model, text):
    """SentencePiece's ids, special tokens taken out first, as llama.cpp and the hub's tokenizer.json do."""
    ids = [1]
    for part in filter(None, re.split(r"(<s>|</s>)", text)):
        ids += [model.piece_to_id(part)] if part in ("<s>", "</s>") else model.encode(part)
    return ids


def expected(name):
    """Texts with their ids, and chats as transformers fills the template."""
    begin, end = ("<s>", "</s>") if name == "mistral" else ("<|im_start|>", "<|im_end|>")
    texts = TEXTS + [text.format(b=begin, e=end) for text in MARKED]
    if name == "mistral":
        model = pieces()
        rows = [[text, segments(model, text)] for text in texts]
        filler = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(BPE()), bos_token=begin, eos_token=end)
    else:
        filler = reference(name)
        rows = [[text, filler(text)["input_ids"]] for text in texts]
    chats = [{"messages": chat, "text": filler.apply_chat_template(chat, chat_template=TEMPLATES[name], tokenize=False, add_generation_prompt=True)}
             for chat in CHATS]
    return {"ids": rows, "chats": chats}
