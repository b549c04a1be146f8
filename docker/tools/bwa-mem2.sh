#!/bin/bash
# Usage: bwa-mem2.sh FOLDER [URL SHA256]
# Installs bwa-mem2 into FOLDER from the archive of a release, if the archive has the given SHA-256; Debian has no package of
# bwa-mem2. Without URL it does nothing: jobs then align with bwa. All variants are installed, because bwa-mem2 starts the
# one in its own folder that suits the processor.
set -euo pipefail

fail() { printf 'bwa-mem2: %s\n' "$*" >&2; exit 1; }

folder=$1 url=${2:-} expected=${3:-}
[[ -n $url ]] || exit 0
[[ -n $expected ]] || fail "$url has no SHA-256: set BWA_MEM2_SHA256 to its 64 digits."
[[ $expected =~ ^[0-9a-f]{64}$ ]] ||
    fail "$expected is not a SHA-256: set BWA_MEM2_SHA256 to the 64 digits (0-9, a-f) of $url."
part=$(mktemp -d)
trap 'rm -rf "$part"' EXIT
curl --fail --silent --show-error --location --retry 3 --output "$part/archive" "$url" ||
    fail "$url could not be fetched (curl's message is above)."
got=$(sha256sum <"$part/archive" | cut -d' ' -f1)
[[ $got == "$expected" ]] || fail "$url has the SHA-256 $got, not $expected: check BWA_MEM2_URL and BWA_MEM2_SHA256."
mkdir "$part/release"
tar --extract --file "$part/archive" --directory "$part/release" || fail "$url is not an archive that tar can read."
[[ -n $(find "$part/release" -name bwa-mem2 -type f -perm -u+x) ]] || fail "$url contains no program bwa-mem2."
mkdir -p "$folder"
find "$part/release" -name 'bwa-mem2*' -type f -perm -u+x -exec install -m 755 -t "$folder" {} +
