#!/bin/bash
# Usage: bwa-mem2.sh FOLDER [URL SHA256]
# Puts bwa-mem2 into FOLDER from a release's archive of programs, if it is the one whose SHA-256 is given; Debian has no
# bwa-mem2. Without URL it does nothing: jobs then align with bwa. All variants are kept, for bwa-mem2 starts the one of
# them, beside itself, that suits the processor.
set -euo pipefail

fail() { printf 'bwa-mem2: %s\n' "$*" >&2; exit 1; }

folder=$1 url=${2:-} expected=${3:-}
[[ -n $url ]] || exit 0
[[ -n $expected ]] || fail "$url comes without a SHA-256: give its 64 digits by BWA_MEM2_SHA256."
[[ $expected =~ ^[0-9a-f]{64}$ ]] ||
    fail "$expected is no SHA-256 of $url: give its 64 digits (0-9, a-f) by BWA_MEM2_SHA256."
part=$(mktemp -d)
trap 'rm -rf "$part"' EXIT
curl --fail --silent --show-error --location --retry 3 --output "$part/archive" "$url" ||
    fail "$url could not be fetched (curl's words are above)."
got=$(sha256sum <"$part/archive" | cut -d' ' -f1)
[[ $got == "$expected" ]] || fail "$url has the SHA-256 $got, not the one given, $expected; check both."
mkdir "$part/release"
tar --extract --file "$part/archive" --directory "$part/release" || fail "$url is no archive that tar reads."
[[ -n $(find "$part/release" -name bwa-mem2 -type f -perm -u+x) ]] || fail "$url has no program bwa-mem2 in it."
mkdir -p "$folder"
find "$part/release" -name 'bwa-mem2*' -type f -perm -u+x -exec install -m 755 -t "$folder" {} +
