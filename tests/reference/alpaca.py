"""alpaca.json: the texts that tatsu-lab/stanford_alpaca's train.py makes of instruction rows.

source = prompt, full = prompt + output + eos; the loss counts what follows the source.
"""
from tiny import FIXTURES, write_json

WITH_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:"
)
WITHOUT_INPUT = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Response:"
)
EOS = "<|endoftext|>"
ROWS = [
    {"instruction": "Name three colours.", "input": "", "output": "Red, green and blue."},
    {"instruction": "Translate into French.", "input": "Good morning", "output": "Bonjour"},
    {"instruction": "用一句话解释什么是梯度下降。", "input": "", "output": "沿着损失下降最快的方向一小步一小步地调整参数。"},
    {"instruction": "把下面的句子翻译成英文。", "input": "今天天气很好。", "output": "The weather is fine today."},
    {"instruction": "Add the numbers.", "input": "12\n30", "output": "42\n"},
    {"instruction": "Say {nothing} back: 100%.", "output": "🙂"},
]


def main():
    rows = []
    for row in ROWS:
        template = WITH_INPUT if row.get("input", "") != "" else WITHOUT_INPUT
        source = template.format_map(row)
        rows.append({"row": row, "source": source, "eos": EOS, "full": f"{source}{row['output']}{EOS}"})
    write_json(FIXTURES / "alpaca.json", rows)
    print(f"alpaca: {len(rows)} rows")


if __name__ == "__main__":
    main()
