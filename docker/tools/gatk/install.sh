#!/bin/bash
# Usage: install.sh PREFIX
# Installs GATK and Picard into PREFIX/gatk and PREFIX/bin, in the same way for a clone (.tools) and for the image
# (/opt/...). Needs java and mvn. PREFIX/gatk appears complete and checked, or not at all.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
prefix=$(readlink -m "$1")
part=$prefix/gatk.part

log() { printf '%s\n' "$*" >&2; }
fail() { log "gatk: $*"; exit 1; }

fetch_jars() {
    mvn --batch-mode --quiet --file "$here/pom.xml" dependency:copy-dependencies \
        -DoutputDirectory="$part/lib" </dev/null >"$part/maven.log" 2>&1 && return
    tail -n 5 "$part/maven.log" >&2
    fail "Maven could not fetch GATK (its last lines are above); check the network and run this again."
}

check_jars() {
    local wrong extra
    wrong=$(cd "$part/lib" && LC_ALL=C sha256sum --check --quiet "$here/SHA256SUMS" 2>/dev/null | cut -d: -f1 | xargs) ||
        fail "not the jars that docker/tools/gatk/SHA256SUMS expects: $wrong; delete them below ~/.m2/repository" \
            "and run this again."
    extra=$(comm -13 <(cut -c67- "$here/SHA256SUMS") <(cd "$part/lib" && printf '%s\n' *) | xargs)
    [[ -z $extra ]] || fail "jars that docker/tools/gatk/SHA256SUMS does not list: $extra."
}

# Writes an archive of the classes that a tool loads at its start (AppCDS), which halves the time of a start. It contains the
# paths of the jars, so it is written at their final place. Java ignores an archive that does not fit but crashes on a
# truncated one, hence the check before the rename. Without an archive everything works, only slower.
archive_classes() {
    local name=$1 archive=$prefix/gatk/$1.jsa
    shift
    JAVA_TOOL_OPTIONS="-XX:ArchiveClassesAtExit=$archive.part" "$prefix/bin/$name" "$@" >/dev/null 2>&1 || true
    if java -XX:+VerifySharedSpaces -XX:SharedArchiveFile="$archive.part" -version >/dev/null 2>&1; then
        mv "$archive.part" "$archive"
    fi
}

mkdir -p "$prefix/bin"
rm -rf "$part"
mkdir "$part"
log "Fetching GATK 4.6.2.0 and Picard 3.4.0 (130 MB) ..."
fetch_jars
log "Checking the jars ..."
check_jars
rm "$part/maven.log"
cp "$here/SHA256SUMS" "$part/SHA256SUMS"
rm -rf "$prefix/gatk"
mv "$part" "$prefix/gatk"
install -m 755 "$here/../bin/gatk" "$here/../bin/picard" "$prefix/bin/"
log "Preparing a faster start ..."
archive_classes gatk BaseRecalibrator --version
archive_classes picard MarkDuplicates --version
