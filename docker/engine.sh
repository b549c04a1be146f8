#!/bin/bash
# Usage: engine.sh [client]
# Makes a Docker engine answer that builds images, with the base image at hand, and prints the client to use: for tests,
# on a Debian machine that has none. Everything is left as it is where an engine answers and the image is there or comes
# from a registry. Else it needs root. With `client` it looks for the client only, and changes nothing. The engine runs on; it is ended by: kill "$(cat /var/run/docker.pid)"
set -euo pipefail

base=debian:bookworm-slim
log=/var/log/bioinfo-assets-dockerd.log
wait_s=60
PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$*" >&2; }
fail() { say "docker engine: $*"; exit 1; }

# The first client on PATH that builds with BuildKit. One without its plug-in buildx can't, and says so when asked for
# the options of its build; Debian's docker.io has BuildKit in it.
client() {
    local docker
    while read -r docker; do
        if DOCKER_BUILDKIT=1 "$docker" build --help 2>/dev/null | grep -q -- --secret; then
            echo "$docker"
            return
        fi
    done < <(type -ap docker)
    return 1
}

answers() { timeout 20 "$docker" version &>/dev/null; }

install() {
    [[ $(id -u) == 0 ]] || fail "$* not found and this user is not root; install Docker (on Debian: docker.io, debootstrap)."
    command -v apt-get >/dev/null || fail "$* not found and this is no Debian; install Docker with buildx."
    say "Installing from Debian: $* ..."
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"; } \
        </dev/null >"$log.apt" 2>&1 || fail "apt-get could not install $*; its words are in $log.apt."
}

start() {
    [[ $(id -u) == 0 ]] || fail "no engine answers and this user is not root; start Docker, or let this user use it."
    command -v dockerd >/dev/null || install docker.io
    say "Starting dockerd; its words are in $log ..."
    setsid nohup dockerd --default-ulimit nofile=1024:1024 ${DOCKER_HOST:+--host "$DOCKER_HOST"} </dev/null >"$log" 2>&1 &
    local started=$!
    until answers; do
        kill -0 "$started" 2>/dev/null || fail "dockerd ended: $(tail -n 1 "$log") (all its words: $log)."
        ((SECONDS < wait_s)) || fail "dockerd does not answer after $wait_s s; its words are in $log."
        sleep 0.5
    done
}

# What Debian's slim images leave out is left out here too.
make_base() {
    [[ $(id -u) == 0 ]] || fail "the image $base is not here, no registry gives it, and only root can make it."
    command -v debootstrap >/dev/null || install debootstrap
    say "Making the image $base by debootstrap ..."
    local root
    root=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$root'" EXIT
    debootstrap --variant=minbase bookworm "$root" >"$log.debootstrap" 2>&1 ||
        fail "debootstrap could not make $base; its words are in $log.debootstrap."
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/usr/share/{man,info,locale}/*
    find "$root/usr/share/doc" -type f ! -name copyright -delete
    tar --directory "$root" --create . | "$docker" import - "$base" >/dev/null
}

if [[ ${1:-} == client ]]; then
    client || fail "no docker client on PATH builds with BuildKit; install Docker's plug-in buildx, or Debian's docker.io."
    exit
fi
docker=$(client) || { install docker.io; docker=$(client) || fail "no docker client here builds with BuildKit."; }
answers || start
"$docker" image inspect "$base" &>/dev/null || timeout 60 "$docker" pull --quiet "$base" &>/dev/null || make_base
echo "$docker"
