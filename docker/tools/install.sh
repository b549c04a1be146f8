#!/bin/bash
# Installs what this project needs and does not find: Debian's tools (as root), uv, the Python environment, and GATK.
# Everything but Debian's packages goes into the clone: .tools and .venv. When all is there it takes half a second.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
clone=$(dirname "$(dirname "$here")")
tools=$clone/.tools
uv_version=0.13.9

say() { printf '%s\n' "$*" >&2; }
fail() { say "make install: $*"; exit 1; }
has() { command -v "$1" >/dev/null; }

missing_packages() {
    local command package _why
    while read -r command package _why; do
        has "$command" || printf '%s\n' "$package"
    done < <(grep -v '^#' "$here/debian.txt")
    has_python || printf '%s\n' python3
    needs_uv && ! can_make_venv && printf '%s\n' python3-venv
    needs_gatk && ! has mvn && printf '%s\n' maven
    return 0
}

has_python() { has python3 || has uv; }
can_make_venv() { python3 -c 'import ensurepip' 2>/dev/null; }
needs_uv() { ! PATH=$tools/bin:$PATH has uv; }

# The jars of the pinned version in .tools, or a gatk and a picard of the user's own (from conda, say) that are on PATH.
needs_gatk() {
    ! cmp --silent "$here/gatk/SHA256SUMS" "$tools/gatk/SHA256SUMS" && ! has_own_gatk
}

has_own_gatk() {
    local name path paths=""
    for name in gatk picard; do
        path=$(command -v "$name" | xargs -r readlink -f)
        [[ -n $path && $path != "$clone"/* ]] || return 1
        paths+=$path$'\n'
    done
    cmp --silent "$tools/own-gatk" <(printf '%s' "$paths") && return
    say "Asking the gatk on PATH for its version ..."
    [[ $(gatk --version 2>/dev/null) == *"(GATK) v4.6."* ]] || return 1
    mkdir -p "$tools"
    printf '%s' "$paths" >"$tools/own-gatk"
}

install_packages() {
    local packages
    packages=$(missing_packages | sort -u | xargs)
    [[ -n $packages ]] || return 0
    local install="apt-get install --yes --no-install-recommends $packages"
    if [[ $(id -u) != 0 ]] || ! has apt-get; then
        fail "not found on this machine: $packages; install them (on Debian: sudo $install) and run this again."
    fi
    say "Installing from Debian: $packages ..."
    local log
    log=$(mktemp)
    # shellcheck disable=SC2086 # the packages are words of our own list
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive $install; } </dev/null >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        fail "apt-get failed (its last lines are above, all of them in $log)."
    fi
    rm "$log"
}

install_uv() {
    needs_uv || return 0
    say "Installing uv $uv_version into .tools/uv ..."
    python3 -m venv --clear "$tools/uv"
    "$tools/uv/bin/pip" install --quiet --disable-pip-version-check "uv==$uv_version"
    mkdir -p "$tools/bin"
    ln -sf ../uv/bin/uv "$tools/bin/uv"
}

install_python_environment() {
    (cd "$clone" && PATH=$tools/bin:$PATH uv sync --frozen --quiet) ||
        fail "uv could not make the Python environment (its words are above)."
}

install_gatk() {
    ! needs_gatk || "$here/gatk/install.sh" "$tools"
    local name
    for name in gatk picard; do
        [[ ! -x $tools/bin/$name ]] || ln -sf "../../.tools/bin/$name" "$clone/.venv/bin/$name"
    done
}

install_packages
install_uv
install_python_environment
install_gatk
