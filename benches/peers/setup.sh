# What `run` installs, and how it starts a program there. Sourced; $base is the folder for all of it.
# shellcheck shell=bash disable=SC2034 # `run` reads $workers
: "${base:?}"

packages=(mesa-vulkan-drivers libvulkan1 libggml0 libggml0-backend-vulkan libggml-dev gcc libc6-dev python3)
webgpu=onnxruntime-webgpu==1.27.0
onnx_cpu=onnxruntime==1.31.1

# Installs Python packages into FOLDER, for Python VERSION. The two onnxruntimes have the same module name, so each
# has its own folder.
python_packages() { # FOLDER VERSION
    local platforms=() p
    for p in manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014; do
        platforms+=(--platform "${p}_x86_64")
    done
    local pip=(python3 -m pip install -q --root-user-action=ignore --python-version "$2"
        --implementation cp --only-binary=:all: "${platforms[@]}")
    "${pip[@]}" --target "$1/webgpu" numpy onnx "$webgpu"
    "${pip[@]}" --target "$1/onnx-cpu" numpy onnx "$onnx_cpu"
}

make_tree() {
    tree=$(scripts/sid need "${packages[@]}")
    # A stamp says that the installation is complete.
    if [ ! -e "$tree/opt/peers/.installed" ]; then
        rm -rf "$tree/opt/peers"
        python_packages "$tree/opt/peers" \
            "$(chroot "$tree" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
        touch "$tree/opt/peers/.installed"
    fi
    cp benches/peers/ggml.c "$tree/opt/peers/"
    chroot "$tree" gcc -O2 -Wall -Wextra -Werror -o /opt/peers/ggml /opt/peers/ggml.c -lggml -lggml-base -lm
    workers=(--ggml ../ggml --onnx-webgpu ../webgpu --onnx-cpu ../onnx-cpu)
}

make_system() {
    local folder=$base/system
    if [ ! -e "$folder/.installed" ]; then
        rm -rf "$folder"
        mkdir -p "$folder"
        python_packages "$folder" "$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
        touch "$folder/.installed"
    fi
    workers=(--onnx-webgpu ../webgpu --onnx-cpu ../onnx-cpu)
}

on_sid() { # FOLDER COMMAND...
    local folder=${1#"$tree"}
    shift
    # ggml's cooperative matrices lose on lavapipe: their shared memory is slow there.
    scripts/sid run "$folder" env GGML_VK_DISABLE_COOPMAT=1 VK_DRIVER_FILES=/usr/share/vulkan/icd.d/lvp_icd.json "$@"
}

on_system() { # FOLDER COMMAND...
    (cd "$1" && shift && exec "$@")
}

# candle's worker, compiled for this machine, because candle chooses its kernels at compile time.
build_candle() { # FOLDER
    RUSTFLAGS="-C target-cpu=native" cargo build -q --release --manifest-path benches/peers/candle/Cargo.toml \
        --target-dir "$base/candle" >&2
    cp "$base/candle/release/candle-peer" "$1/"
    workers+=(--candle ../candle-peer)
}
