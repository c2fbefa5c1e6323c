#!/usr/bin/env bash
# Compiles and links Lantern for CUDA on a machine without a GPU or a CUDA toolkit: the compiler and the libraries come as Python packages.
# Usage: benches/cuda.sh [COMPUTE_CAPABILITY]   90: H100, H200 · 80: A100 · 89: RTX 4090
# The program needs the driver's libcuda.so.1 and the CUDA 13 libraries at run time; CPU and CUDA builds are two programs.
set -euo pipefail
cd "$(dirname "$0")/.."
capability="${1:-90}"
work="${LANTERN_CUDA_DIR:-target/cuda-toolkit}"
mkdir -p "$work"
work="$(cd "$work" && pwd)"

if [ ! -x "$work/venv/bin/pip" ]; then
  python3 -m venv "$work/venv"
fi
"$work/venv/bin/pip" install -q "nvidia-cuda-nvcc==13.0.*" "nvidia-cuda-runtime==13.0.*" "nvidia-cuda-crt==13.0.*" "nvidia-nvvm==13.0.*" \
  "nvidia-cublas==13.0.*" "nvidia-cuda-cccl==13.0.*" "nvidia-cuda-nvrtc==13.0.*" nvidia-curand
site="$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nvidia/cu13"

# A folder that looks like a toolkit.
home="$work/home"
rm -rf "$home"
mkdir -p "$home/lib64"
for part in bin include nvvm; do ln -s "$site/$part" "$home/$part"; done
for library in "$site"/lib/*.so* "$site"/lib/*.a; do
  [ -e "$library" ] && ln -sf "$library" "$home/lib64/"
done
for name in cudart cublas cublasLt curand nvrtc; do
  versioned="$(ls "$home/lib64" | grep -E "^lib$name\.so\.[0-9]+" | head -1)"
  ln -sf "$versioned" "$home/lib64/lib$name.so"
done

# libcuda comes with a driver: a stub with the names that cudarc refers to stands in while linking.
cargo fetch -q
sources="$(ls -d "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/cudarc-*/src/driver/sys | tail -1)"
grep -rhoE '\bcu[A-Z][A-Za-z0-9_]*[[:space:]]*\(' "$sources" | tr -d ' (' | sort -u | sed 's/.*/int &(void) { return 999; }/' > "$work/stub.c"
cc -shared -fPIC -w -Wl,-soname,libcuda.so.1 -o "$home/lib64/libcuda.so" "$work/stub.c"
ln -sf libcuda.so "$home/lib64/libcuda.so.1"

export CUDA_HOME="$home" CUDA_PATH="$home" CUDA_ROOT="$home" CUDA_COMPUTE_CAP="$capability"
export PATH="$home/bin:$PATH" LIBRARY_PATH="$home/lib64" RUSTFLAGS="-L $home/lib64"
cargo build --release --features cuda --target-dir "$work/target"
ls -l "$work/target/release/lantern"
