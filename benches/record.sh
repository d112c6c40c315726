# How a bench's command finds its program and keeps its table. Sourced, in the repository's root.
# shellcheck shell=bash

# The program of a bench, built as by a plain `cargo bench`, or with the flags of ./test under that.
built() { # BENCH
    local flags=${LOWBIT_BUILD:-}
    flags=${flags#--release}
    # shellcheck disable=SC2086 # a list
    cargo bench -q --no-run $flags --bench "$1" --message-format=json |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -1
}

# Copies a table to benches/results/DATE-NAME.md. Never overwrites a record.
record() { # FILE NAME
    local name=benches/results/$(date +%F)-$2 number=1 file
    file=$name
    while [ -e "$file.md" ]; do
        number=$((number + 1))
        file=$name-$number
    done
    cp "$1" "$file.md"
    chmod 644 "$file.md"
    echo "written: $file.md" >&2
}
