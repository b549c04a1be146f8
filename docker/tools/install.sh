#!/bin/bash
# Usage: install.sh [LIST ...]
# Installs what is missing of what this project needs: Debian's tools (as root), uv, the Python environment, the engine.
# Everything but Debian's packages goes into the clone: .tools and .venv. If nothing is missing it takes a quarter of a
# second. LIST: files with more of Debian's tools than debian.txt and debian-build.txt have; with debian-gatk.txt, GATK and
# Picard are installed too.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
clone=$(dirname "$(dirname "$here")")
tools=$clone/.tools
lists=("$here/debian.txt" "$here/debian-build.txt" "$@")
wants_gatk=$(for list; do [[ ${list##*/} != debian-gatk.txt ]] || echo yes; done)
is_for_tests=$(for list; do [[ ${list##*/} != debian-test.txt ]] || echo yes; done)
PATH=$tools/bin:$PATH:/usr/sbin

log() { printf '%s\n' "$*" >&2; }
fail() { log "make install: $*"; exit 1; }
has() { command -v "$1" >/dev/null; }

works() {
    case $1 in
    dockerd | debootstrap) has "$1" || engine_answers; return ;;
    esac
    has "$1" || return 1
    case $1 in
    java) java -version 2>&1 | grep -qE 'version "(1[7-9]|[2-9][0-9])' ;;
    mosdepth | uv) "$1" --version &>/dev/null ;;
    esac
}

engine_answers() { has docker && timeout 20 docker version &>/dev/null; }

missing_packages() {
    local command packages _why
    while read -r command packages _why; do
        works "$command" || tr ',' '\n' <<<"$packages"
    done < <(grep -hv '^#' "${lists[@]}")
    works uv || python3 -c 'import ensurepip' &>/dev/null || echo python3-venv
    [[ -z $wants_gatk ]] || has_gatk || has mvn || echo maven
}

# GATK and Picard: the locked ones in .tools, or the user's own on PATH (for example from conda) if that gatk is a 4.6. The
# answer is cached, because gatk takes seconds to print its version. Tests compare with the locked ones, and need those.
has_gatk() {
    cmp --silent "$here/gatk/SHA256SUMS" "$tools/gatk/SHA256SUMS" || { [[ -z $is_for_tests ]] && has_own_gatk; }
}

has_own_gatk() {
    local name path paths=
    for name in gatk picard; do
        path=$(command -v "$name" | xargs -r readlink -f)
        [[ -n $path && $path != "$clone"/* ]] || return 1
        paths+=$path$'\n'
    done
    cmp --silent "$tools/own-gatk" <(printf '%s' "$paths") && return
    log "Reading the version of $(command -v gatk) ..."
    [[ $(gatk --version 2>/dev/null) == *"(GATK) v4.6."* ]] || return 1
    mkdir -p "$tools"
    printf '%s' "$paths" >"$tools/own-gatk"
}

install_packages() {
    local packages
    packages=$(missing_packages | sort -u | paste -sd ' ')
    [[ -n $packages ]] || return 0
    local install="apt-get install --yes --no-install-recommends $packages"
    if [[ $(id -u) != 0 ]] || ! has apt-get; then
        fail "not found on this machine: $packages; install them (on Debian: sudo $install) and run this again."
    fi
    log "Installing from Debian: $packages ..."
    local log_file
    log_file=$(mktemp)
    # shellcheck disable=SC2086 # the packages are words of our own lists
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive $install; } </dev/null >"$log_file" 2>&1; then
        tail -n 5 "$log_file" >&2
        fail "apt-get failed (its last lines are above, all of them in $log_file)."
    fi
    rm "$log_file"
}

install_uv() {
    ! works uv || return 0
    log "Installing $(<"$here/uv.txt") into .tools/uv ..."
    if ! { python3 -m venv --clear "$tools/uv" && "$tools/uv/bin/pip" install --quiet --requirement "$here/uv.txt"; }; then
        fail "pip could not install uv (its messages are above); check the network and run this again."
    fi
    mkdir -p "$tools/bin"
    ln -sf ../uv/bin/uv "$tools/bin/uv"
}

install_python_environment() {
    # Debian's Python is built with optimizations from profiles, which others on PATH may lack: a loop takes 0.7 of the time.
    local debians=/usr/bin/python3
    if [[ -z ${UV_PYTHON:-} ]] && $debians -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
        export UV_PYTHON=$debians
    fi
    [[ -d $clone/.venv ]] || log "Creating the Python environment in .venv (some minutes on a slow network) ..."
    uv sync --project "$clone" --frozen --quiet || fail "uv could not create the Python environment (its messages are above)."
    # PyPI's command starts Python only to start the program: 150 ms of CPU, which would be most of a small file's copy.
    ln -sf ../../docker/tools/bwa-mem3 "$clone/.venv/bin/bwa-mem3"
    ln -sf "$(cd "$clone/.venv/bin" && echo ../lib/python*/site-packages/s5cmd/bin/s5cmd)" "$clone/.venv/bin/s5cmd"
}

# GATK and Picard are linked into .venv/bin, so that they are on PATH wherever cutadapt is: with `uv run`, and in an activated
# environment.
install_gatk() {
    [[ -z $wants_gatk ]] || has_gatk || "$here/gatk/install.sh" "$tools"
    local name
    for name in gatk picard; do
        [[ ! -x $tools/bin/$name ]] || ln -sf "../../.tools/bin/$name" "$clone/.venv/bin/$name"
    done
}

# The engine is linked against the machine's htslib; make compiles what is new.
install_engine() {
    make --silent --directory="$clone/engine" || fail "the engine could not be compiled (gcc's messages are above)."
    mkdir -p "$tools/bin"
    local name=bioinfo-assets-engine
    [[ -e $tools/bin/$name ]] || ln -sf "../../engine/build/$name" "$tools/bin/$name"
    [[ -e $clone/.venv/bin/$name ]] || ln -sf "../../engine/build/$name" "$clone/.venv/bin/$name"
}

install_packages
install_uv
install_python_environment
install_gatk
install_engine
