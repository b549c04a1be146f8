#!/bin/bash
# Usage: trust.sh [FILE]
# Makes a build stage trust the certificates in FILE too (PEM, any number of them), for example those of a proxy that
# inspects TLS. Without the file it does nothing. Java gets them too, by the hook of Debian's ca-certificates-java.
set -euo pipefail

file=${1:-/run/secrets/ca}
[[ -s $file ]] || exit 0
folder=/usr/local/share/ca-certificates/build
mkdir -p "$folder"
awk -v folder="$folder" '
    /-----BEGIN/ { n++; inside = 1 }
    inside { print > (folder "/" n ".crt") }
    /-----END/ { inside = 0; close(folder "/" n ".crt") }' "$file"
update-ca-certificates >/dev/null 2>&1
