#!/bin/bash
# Usage: engine.sh [client]
# Ensures that a Docker engine runs which can build images and has the base image, and prints the client to use: for tests
# on a Debian machine without one. Nothing is changed if an engine answers and has the image or can pull it; otherwise this
# needs root. With `client`, it only looks for the client. The engine keeps running; to stop it:
# kill "$(cat /var/run/docker.pid)"
set -euo pipefail

base=debian:bookworm-slim
log_file=/var/log/bioinfo-assets-dockerd.log
timeout_s=60
PATH=$PATH:/usr/sbin:/sbin

log() { printf '%s\n' "$*" >&2; }
fail() { log "docker engine: $*"; exit 1; }

# The first client on PATH that builds with BuildKit. Without the plug-in buildx, the help of `build` has no option --secret;
# Debian's docker.io includes BuildKit.
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
    command -v apt-get >/dev/null || fail "$* not found and this is not Debian; install Docker with buildx."
    log "Installing from Debian: $* ..."
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"; } \
        </dev/null >"$log_file.apt" 2>&1 || fail "apt-get could not install $*; see $log_file.apt."
}

start() {
    [[ $(id -u) == 0 ]] || fail "no engine answers and this user is not root; start Docker, or let this user use it."
    command -v dockerd >/dev/null || install docker.io
    log "Starting dockerd; see $log_file ..."
    setsid nohup dockerd --default-ulimit nofile=1024:1024 ${DOCKER_HOST:+--host "$DOCKER_HOST"} </dev/null >"$log_file" 2>&1 &
    local started=$!
    until answers; do
        kill -0 "$started" 2>/dev/null || fail "dockerd ended: $(tail -n 1 "$log_file") (more: $log_file)."
        ((SECONDS < timeout_s)) || fail "dockerd does not answer after $timeout_s s; see $log_file."
        sleep 0.5
    done
}

# Leaves out what Debian's slim images leave out.
build_base() {
    [[ $(id -u) == 0 ]] || fail "the image $base does not exist here, cannot be pulled, and only root can build it."
    command -v debootstrap >/dev/null || install debootstrap
    log "Building the image $base by debootstrap ..."
    local root
    root=$(mktemp -d)
    # shellcheck disable=SC2064 # expanded now on purpose
    trap "rm -rf '$root'" EXIT
    debootstrap --variant=minbase bookworm "$root" >"$log_file.debootstrap" 2>&1 ||
        fail "debootstrap could not build $base; see $log_file.debootstrap."
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/usr/share/{man,info,locale}/*
    find "$root/usr/share/doc" -type f ! -name copyright -delete
    tar --directory "$root" --create . | "$docker" import - "$base" >/dev/null
}

if [[ ${1:-} == client ]]; then
    client || fail "no docker client on PATH builds with BuildKit; install Docker's plug-in buildx, or Debian's docker.io."
    exit
fi
docker=$(client) || { install docker.io; docker=$(client) || fail "no docker client on this machine builds with BuildKit."; }
answers || start
"$docker" image inspect "$base" &>/dev/null || timeout 60 "$docker" pull --quiet "$base" &>/dev/null || build_base
echo "$docker"
