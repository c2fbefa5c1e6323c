#!/usr/bin/env bash
# JupyterLab and Notebook 7 for real, in a headless Chromium: see browser.mjs.
#
#     bash tests/jupyter/frontends.sh BINARY [OUT]
#
# Makes a venv and a node folder under target/frontends (network, once); needs node and Chromium (CHROMIUM names it). Pictures go to
# OUT, or target/frontends/pictures. The cheap front ends (nbclient, nbconvert, papermill, console) are in `cargo test` already.
set -euo pipefail

binary="$(realpath "${1:?usage: tests/jupyter/frontends.sh BINARY [OUT]}")"
root="$(cd "$(dirname "$0")/../.." && pwd)"
work="$root/target/frontends"
out="$(realpath -m "${2:-$work/pictures}")"
mkdir -p "$work" "$out"

if ! "$work/venv/bin/python" -c "import jupyterlab, notebook" 2>/dev/null; then
    rm -rf "$work/venv"
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check jupyterlab==4.6.6 notebook==7.6.5
fi
[ -d "$work/node_modules/playwright-core" ] || npm --prefix "$work" install --silent playwright-core@1.65.1
cp "$root/tests/jupyter/browser.mjs" "$work/"

export JUPYTER_DATA_DIR="$work/data" JUPYTER_RUNTIME_DIR="$work/runtime" JUPYTER_CONFIG_DIR="$work/config"
export JUPYTER_PREFER_ENV_PATH=0 PATH="$work/venv/bin:$PATH" LC_ALL=C.UTF-8
unset JUPYTER_PATH
# Fetched models stay for the next time, in the tests' own place.
export LANTERN_HOME="$work/home"
"$binary" kernel install --user

server=""
stop() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; }
trap stop EXIT

# The scenes of one front end: its command, its port, the page's path, which scenes.
visit() {
    local books="$work/books"
    rm -rf "$books" && mkdir -p "$books"
    cp -r "$root/tutorials/first-hour.ipynb" "$root/tutorials/data" "$books/"
    echo '{"cells":[],"metadata":{"kernelspec":{"name":"lantern","display_name":"Lantern","language":"lantern"}},"nbformat":4,"nbformat_minor":5}' > "$books/attach.ipynb"
    jupyter "$1" --no-browser --allow-root --ip=127.0.0.1 --port="$2" --ServerApp.token=lantern --ServerApp.root_dir="$books" \
        --expose-app-in-browser > "$work/$1.log" 2>&1 &
    server=$!
    until grep -qs "http://127.0.0.1:$2" "$work/$1.log"; do kill -0 "$server" && sleep 0.2; done
    for scene in $4; do
        echo "== $1: $scene"
        PAGE="$3" node "$work/browser.mjs" "http://127.0.0.1:$2" lantern "$out" "$scene"
    done
    kill "$server" && wait "$server" 2>/dev/null || true
    server=""
}

visit notebook 8898 notebooks away
visit lab 8899 lab/tree "away tutorial"
echo "pictures: $out"
