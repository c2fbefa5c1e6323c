#!/bin/sh
# Writes every fixture anew; PYTHON names the interpreter of the environment that README.md makes.
set -e
cd "$(dirname "$0")"
for script in models golden training optimizers scaler autocast curve adapters prompts processors schedules alpaca mutants gguf_models blocks nf4 parquet_files fresh; do
    "${PYTHON:-python}" -W ignore "$script.py"
done
