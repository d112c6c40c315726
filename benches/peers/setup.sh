# What `run` installs, and how it starts a program beside it. Sourced; $base is the folder for all of it.
# shellcheck shell=bash disable=SC2034 # `run` reads $workers
: "${base:?}"

mirror=http://deb.debian.org/debian
packages=mesa-vulkan-drivers,libvulkan1,libggml0,libggml0-backend-vulkan,libggml-dev,gcc,libc6-dev,python3
webgpu=onnxruntime-webgpu==1.27.0
onnx_cpu=onnxruntime==1.31.1

# Python packages into a folder of their own, for the Python of this version. The two onnxruntimes have one
# module name and cannot share a folder.
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

# Half a tree is no tree: a stamp says that all of it came.
make_tree() {
    local tree=$base/sid
    if [ "$(id -u)" -ne 0 ]; then
        echo "--driver sid needs root, for debootstrap and chroot" >&2
        exit 2
    fi
    if [ ! -e "$tree/.installed" ]; then
        command -v debootstrap >/dev/null || apt-get install -qy --no-install-recommends debootstrap >&2
        rm -rf "$tree"
        mkdir -p "$base"
        echo "installing a Debian sid tree into $tree" >&2
        debootstrap --variant=minbase --include="$packages" sid "$tree" "$mirror" >"$base/debootstrap.log" ||
            { tail "$base/debootstrap.log" >&2; exit 1; }
        python_packages "$tree/opt/peers" \
            "$(chroot "$tree" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
        touch "$tree/.installed"
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

# The mounts are of a name space that ends with the program.
on_sid() { # FOLDER COMMAND...
    local tree=$base/sid folder=${1#"$base/sid"}
    shift
    # Its cooperative matrices lose on lavapipe: their shared memory is slow there.
    # shellcheck disable=SC2016 # the inner shells expand these
    GGML_VK_DISABLE_COOPMAT=1 VK_DRIVER_FILES=/usr/share/vulkan/icd.d/lvp_icd.json \
        unshare -m bash -c '
            tree=$1
            shift
            for d in proc dev sys; do mount --bind /$d "$tree/$d"; done
            exec chroot "$tree" sh -c '\''cd "$0" && exec "$@"'\'' "$@"' \
        bash "$tree" "$folder" env PATH=/usr/bin:/bin "$@"
}

on_system() { # FOLDER COMMAND...
    (cd "$1" && shift && exec "$@")
}

# candle's worker, compiled for this machine: its kernels are chosen when they are compiled.
build_candle() { # FOLDER
    RUSTFLAGS="-C target-cpu=native" cargo build -q --release --manifest-path benches/peers/candle/Cargo.toml \
        --target-dir "$base/candle" >&2
    cp "$base/candle/release/candle-peer" "$1/"
    workers+=(--candle ../candle-peer)
}

# lowbit's worker, as a plain `cargo bench` would build it.
built() {
    cargo bench -q --no-run --bench peers --message-format=json |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -1
}
