#!/usr/bin/env bash
# Runs every notebook twice, as `BINARY run` and through Jupyter, and compares what the cells print.
#
#     bash tutorials/run.sh BINARY
#
# Works on a copy under the target directory; the models that are fetched stay there for the next time. Where smollm2 cannot
# be fetched the notebooks run on spark, which is inside the program, and this says so. LANTERN_TUTORIALS=spark asks for that:
# half a minute instead of ten.
set -euo pipefail

binary="$(realpath "${1:?usage: tutorials/run.sh BINARY}")"
root="$(cd "$(dirname "$0")/.." && pwd)"
work="${CARGO_TARGET_DIR:-$root/target}/tutorials"
mkdir -p "$work"
work="$(cd "$work" && pwd)"
export LANTERN_HOME="$work/home" LANTERN_LANG=en PYTHONDONTWRITEBYTECODE=1

# A Python with nbclient in $python: the tests' own, else one of ours, else none.
find_python() {
    local place
    for place in "$root/target/jupyter-venv" "$work/venv"; do
        python="$place/bin/python"
        "$python" -c "import nbclient" 2>/dev/null && return
    done
    python=""
    command -v python3 >/dev/null || return 0
    if ! python3 -c "import ensurepip, venv" 2>/dev/null && command -v apt-get >/dev/null; then
        apt-get install -y -qq python3-venv >/dev/null 2>&1 || true
    fi
    rm -rf "$work/venv"
    if python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet --disable-pip-version-check nbclient nbformat ipykernel; then
        python="$work/venv/bin/python"
    fi
}

# What differs from run to run on purpose: seconds, and what they are derived from.
steady() {
    sed -E -e 's/ in [0-9.]+ (m?s|min.*)$//' -e 's/, [0-9.]+ tokens\/s\]$//' -e 's/(^[0-9]+ steps .*) and .*/\1/' "$1" |
        grep -v '^[[:space:]]*$' || true
}

fail() { printf '%s\n' "$*" >&2; exit 1; }

# Runs notebook $1 (in the copy) both ways.
both() {
    local name="${1%.ipynb}" begun=$SECONDS
    "$binary" run "$1" >"$work/$name.run.out" 2>"$work/$name.run.err" || {
        tail -n 20 "$work/$name.run.out" "$work/$name.run.err" >&2
        fail "$1: lantern run failed"
    }
    printf '%-28s lantern run %4d s\n' "$1" $((SECONDS - begun))
    [ -n "$python" ] || { printf '%-28s Jupyter     skipped: no Python with nbclient\n' "$1"; return; }
    begun=$SECONDS
    "$python" execute.py "$1" "$work/$name.jupyter.out" || fail "$1: failed in Jupyter"
    printf '%-28s Jupyter     %4d s\n' "$1" $((SECONDS - begun))
    # Pictures and tables take other forms there; every line that is text must be the same.
    steady "$work/$name.jupyter.out" >"$work/$name.lines"
    local missing
    missing="$(steady "$work/$name.run.out" | grep -vxFf - "$work/$name.lines" || true)"
    [ -z "$missing" ] || fail "$1: Jupyter printed what lantern run did not:" "$missing"
}

find_python
rm -rf "$work/copy"
cp -r "$root/tutorials" "$work/copy"
cd "$work/copy"
"$binary" kernel install --prefix "$work/jupyter" >/dev/null
export JUPYTER_PATH="$work/jupyter/share/jupyter"

# Spark knows no chat: it writes on from the question.
on_spark() {
    for notebook in *.ipynb; do
        sed -e 's/%load smollm2/%load spark/' -e 's/%chat/%generate/' -e 's/ new=true//' "$notebook" >"$notebook.spark"
        mv "$notebook.spark" "$notebook"
    done
}
if [ "${LANTERN_TUTORIALS:-}" = spark ]; then
    echo "the notebooks run on spark, as LANTERN_TUTORIALS asks"
    on_spark
elif ! "$binary" -c "%load smollm2" >"$work/load.out" 2>&1; then
    echo "smollm2 cannot be fetched here; the notebooks run on spark instead:"
    sed 's/^/    /' "$work/load.out"
    on_spark
fi
for notebook in *.ipynb; do
    both "$notebook"
done
