"""Writes the model folders of tests/fixtures: config.json, model.safetensors, tokenizer.json, tokenizer_config.json."""
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

from tiny import FIXTURES, MODELS, load, token_ids, write_json, write_model

MERGES = "t h|Ġ t|h e|Ġ a|i n|Ġt he|e r|o n|Ġ s|r e|a n|Ġ w|n d|o r|e n|an d|in g|Ġ b|a t|i s|Ġ o".split("|")
CHAT = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def vocabulary(size):
    """97 tokens: <|endoftext|>, newline, printable ASCII as bytes. 120: two chat tokens and 21 merges more.

    Other bytes (Chinese) have no token: the tokenizer drops them.
    """
    special = ["<|endoftext|>"] if size == 97 else ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    merges = [] if size == 97 else [tuple(merge.split(" ")) for merge in MERGES]
    letters = ["Ċ", "Ġ"] + [chr(code) for code in range(33, 127)]
    tokens = special + letters + ["".join(merge) for merge in merges]
    assert len(tokens) == len(set(tokens)) == size, len(tokens)
    return tokens, merges, special


def write_tokenizer(folder, size):
    """A byte-level BPE tokenizer as GPT-2 and SmolLM2 have it."""
    tokens, merges, special = vocabulary(size)
    tokenizer = Tokenizer(BPE({token: index for index, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"bos_token": special[0], "eos_token": special[0], "model_max_length": 64, "tokenizer_class": "PreTrainedTokenizerFast"}
    if size == 120:
        settings |= {"bos_token": special[1], "eos_token": special[2], "pad_token": special[2], "chat_template": CHAT}
    write_json(folder / "tokenizer_config.json", settings)
    text = "The cat and the dog: 12 > 7!\n"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def main():
    for name, (_, config) in MODELS.items():
        write_model(name)
        write_tokenizer(FIXTURES / name, config["vocab_size"])
        largest = load(name)(token_ids(name, 1, 2, 48)).logits.abs().max().item()
        assert largest < 30, (name, largest)
        size = (FIXTURES / name / "model.safetensors").stat().st_size
        assert size < 250_000, (name, size)
        print(f"{name}: {size} bytes, largest logit {largest:.2f}")


if __name__ == "__main__":
    main()
