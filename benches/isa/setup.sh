# The programs in the tree, the fake devices, and what is made on one of them. Sourced by `run`, in the repository's
# root.
# shellcheck shell=bash

packages="mesa-vulkan-drivers libvulkan1 mesa-drm-shim libggml0 libggml0-backend-vulkan libggml-dev gcc libc6-dev
    libvulkan-dev"

# Sets `tree` and puts the layer and both workers under its opt/isa. The rest is for `make`, by the environment.
set_up() {
    # shellcheck disable=SC2086 # a list
    tree=$(scripts/sid need $packages)
    local folder=$tree/opt/isa program
    program=$(built isa)
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$program" "$folder/lowbit"
    cp benches/isa/{layer.c,layer.json,describe.c,describe.h,ggml.c} "$folder/"
    compiled -shared -fPIC -o liblayer.so layer.c describe.c
    [ "$ggml" = no ] || compiled -o ggml ggml.c -lggml -lggml-base
    products >"$folder/products"
    export tree formats ms ggml
}

compiled() {
    scripts/sid run /opt/isa gcc -O1 -Wall -Wextra -Werror "$@"
}

# A line for each product: format, kernel, m, n, k.
products() {
    local format kernel m list=$kernels
    [ "$list" != auto ] || list=auto:f32,auto:i8,auto:f16
    [ "$formats" != all ] || formats=$(all_formats)
    for format in ${formats//,/ }; do
        for m in ${ms//,/ }; do
            for kernel in ${list//,/ }; do
                echo "$format $kernel $m 4096 4096"
            done
        done
    done
}

all_formats() {
    scripts/sid run /opt/isa ./lowbit formats
}

# What a driver needs in its environment, one a line.
device() { # DEVICE
    local shim=/usr/lib/x86_64-linux-gnu/lib%s_noop_drm_shim.so icd=/usr/share/vulkan/icd.d/%s_icd.json
    local names
    case $1 in
        nv) names=(nouveau nouveau); echo NOUVEAU_CHIPSET=192 ;;
        amd) names=(amdgpu radeon); echo AMDGPU_GPU_ID=navi31 ;;
        adreno) names=(freedreno freedreno); echo FD_GPU_ID=740 ;;
        apple) names=(asahi asahi) ;;
        *) echo "no device \"$1\": nv, amd, adreno, apple" >&2; return 2 ;;
    esac
    # shellcheck disable=SC2059 # formats of one name
    printf "LD_PRELOAD=$shim\nVK_DRIVER_FILES=$icd\n" "${names[@]}"
}

# All products on one fake device, by lowbit and by ggml, into opt/isa/out/DEVICE. ggml switches robustness off itself.
make() { # DEVICE or DEVICE-off
    local name=${1%-off} environment
    mapfile -t environment < <(device "$name")
    [ ${#environment[@]} -gt 1 ] || return 2
    [ "$1" = "$name" ] || environment+=(LOWBIT_ISA_ROBUST=0)
    under_layer "$1/lowbit" "${environment[@]}" -- ./lowbit lines <"$tree/opt/isa/products"
    if [ "$ggml" = yes ] && [ "$1" != nv ]; then
        # Groups and scale types are lowbit's own: what ggml does not know, it says.
        # shellcheck disable=SC2086 # a list
        under_layer "$1/ggml" "${environment[@]}" GGML_VK_DEBUG_MARKERS=1 -- ./ggml "$ms" ${formats//,/ }
    fi
}

# Marks and pipelines go to one file, both appended.
under_layer() { # FOLDER ENVIRONMENT.. -- COMMAND..
    local folder=/opt/isa/out/$1 environment=()
    shift
    while [ "$1" != -- ]; do
        environment+=("$1")
        shift
    done
    shift
    mkdir -p "$tree$folder"
    scripts/sid run /opt/isa env "${environment[@]}" LOWBIT_ISA="$folder" VK_LAYER_PATH=/opt/isa \
        VK_INSTANCE_LAYERS=VK_LAYER_LOWBIT_isa WGPU_BACKEND=vulkan MESA_SHADER_CACHE_DISABLE=true "$@" \
        >>"$tree$folder/pipelines.jsonl" 2>"$tree$folder/log" ||
        { echo "$folder: $1 fails:" >&2; tail -n 5 "$tree$folder/log" >&2; return 1; }
}
