#!/bin/sh
# What CI does not do, for it needs Python: makes every fixture anew and compares, then loads what Lantern saved with transformers and PEFT.
# PYTHON names the interpreter of the environment that README.md makes.
set -e
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$root/target/reference/bin/python}
if ! "$python" -c "import torch, transformers, peft, gguf, bitsandbytes" 2>/dev/null; then
    echo "parity.sh: $python lacks torch, transformers, peft, gguf or bitsandbytes; tests/reference/README.md says how to make it" >&2
    exit 1
fi
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

# The scripts write beside themselves: a copy of them writes into the temporary folder.
mkdir "$made/tests" "$made/tests/fixtures"
cp -r "$root/tests/reference" "$made/tests/reference"
cp -r "$root/tests/fixtures/gpt2-tokenizer" "$made/tests/fixtures/"
# What a script reads: spark, and the text that the curve is of.
ln -s "$root/models" "$root/tutorials" "$made/"
PYTHON=$python "$made/tests/reference/all.sh" >"$made/log" 2>&1 || { cat "$made/log" >&2; exit 1; }
"$python" "$root/tests/reference/same.py" "$root/tests/fixtures" "$made/tests/fixtures"

cd "$root"
LANTERN_PARITY=$made/saved cargo test --release -p lantern-repl --test all -- parity::saved parity::fresh
"$python" -W ignore "$root/tests/reference/saved.py" "$made/saved"
