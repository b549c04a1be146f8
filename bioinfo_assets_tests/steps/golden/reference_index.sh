fasta=chr22.fa
dictionary=chr22.dict
identities=chr22.fa.refget.json
aligner=bwa-mem2
has_alt=yes
refget='"""Digests that identify a reference'"'"'s sequences: M5 of SAM, GA4GH refget, and GA4GH sequence collections.

The sources are section 1.3.2 of the SAM specification (M5), GA4GH'"'"'s Refget Sequences v2.0.0, and Refget Sequence
Collections v1.0.0, all of https://samtools.github.io/hts-specs and https://ga4gh.github.io/refget.

This file uses the standard library only, and nothing of this project: its source is part of the script that indexes a
reference, where `python3 -c SOURCE FASTA JSON` writes the JSON of `to_json` and prints a table of the contigs.

>>> sha512t24u(b"ACGT")
'"'"'aKF498dAxcJAqme6QYQ7EZ07-fiw8Kw2'"'"'
"""

import base64
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from string import ascii_uppercase
from typing import Final

INHERENT: Final = ("names", "sequences")
"""The attributes that identify a collection, in the schema that v1.0.0 recommends; lengths follow from sequences."""

_BLOCK: Final = 4 * 1024 * 1024
_UPPER: Final = bytes(range(256)).upper()
_BLANKS: Final = b" \t\r\n\v\f"


@dataclass(frozen=True, slots=True)
class SequenceDigests:
    """A sequence of a FASTA, and its digests.

    Attributes:
        name: Its name, up to the first blank.
        length: The number of its letters.
        md5: MD5 of its letters in upper case, as in `M5` of a BAM'"'"'s `@SQ`.
        refget: Its GA4GH identifier.
    """

    name: str
    length: int
    md5: str
    refget: str


def sha512t24u(data: bytes) -> str:
    """The digest of GA4GH: the first 24 bytes of SHA-512, in URL-safe base 64."""
    return _encode_sha512t24u(hashlib.sha512(data).digest())


def canonical_json(value: object) -> bytes:
    """Serialize a value by RFC 8785, if its numbers are integers and its keys ASCII.

    >>> canonical_json({"name": "chr1", "length": 4})
    b'"'"'{"length":4,"name":"chr1"}'"'"'
    """
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False, sort_keys=True).encode()


def level1(contigs: Sequence[SequenceDigests]) -> dict[str, str]:
    """The digest of each attribute of a collection, in the order of its sequences.

    `sorted_name_length_pairs` identifies the coordinate system, independent of order and letters.
    """
    pairs = (canonical_json({"length": contig.length, "name": contig.name}) for contig in contigs)
    attributes: Mapping[str, Sequence[object]] = {
        "names": [contig.name for contig in contigs],
        "lengths": [contig.length for contig in contigs],
        "sequences": [contig.refget for contig in contigs],
        "sorted_name_length_pairs": sorted(map(sha512t24u, pairs)),
    }
    return {name: sha512t24u(canonical_json(values)) for name, values in attributes.items()}


def level0(attributes: Mapping[str, str]) -> str:
    """The digest that identifies a collection, from the digests of its attributes.

    >>> level0({"names": "Fw1r9eRxfOZD98KKrhlYQNEdSRHoVxAG", "sequences": "0uDQVLuHaOZi1u76LjV__yrVUIz9Bwhr"})
    '"'"'XZlrcEGi6mlopZ2uD8ObHkQB1d0oDwKk'"'"'
    """
    return sha512t24u(canonical_json({name: attributes[name] for name in INHERENT}))


def digests_of_fasta(path: Path) -> Iterator[SequenceDigests]:
    """Yield the digests of each sequence of a plain FASTA, in one pass and in the memory of its longest line.

    Raises:
        ValueError: A sequence has a character that is not a letter, and so has no refget digest.
    """
    hasher: _SequenceHasher | None = None
    with path.open("rb") as file:
        while lines := file.readlines(_BLOCK):
            for is_name, group in groupby(lines, key=_is_name):
                if not is_name and hasher:
                    hasher.update(b"".join(group))
                    continue
                for line in group if is_name else ():
                    if hasher:
                        yield hasher.digests()
                    hasher = _SequenceHasher(path.name, line)
    if hasher:
        yield hasher.digests()


def to_json(contigs: Sequence[SequenceDigests]) -> str:
    """Serialize a collection: its digest, the digests of its attributes, and a line for each contig."""
    attributes = level1(contigs)
    rows = ",\n".join(f"    {json.dumps(asdict(contig))}" for contig in contigs)
    return (
        f'"'"'{{\n  "seqcol": "{level0(attributes)}",\n  "level1": {json.dumps(attributes)},\n'"'"'
        f'"'"'  "contigs": [\n{rows}\n  ]\n}}\n'"'"'
    )


class _SequenceHasher:
    """Computes the digests of one sequence from its lines."""

    def __init__(self, fasta: str, line: bytes) -> None:
        self._fasta, self._length = fasta, 0
        self._name = b"".join(line[1:].split(maxsplit=1)[:1]).decode(errors="replace")
        self._md5, self._sha512 = hashlib.md5(usedforsecurity=False), hashlib.sha512()

    def update(self, text: bytes) -> None:
        letters = text.translate(_UPPER, _BLANKS)
        if letters and not letters.isalpha():
            character = letters.translate(None, ascii_uppercase.encode())[:1].decode("latin-1")
            raise ValueError(
                f"{self._fasta} has {character!r} in {self._name}, which is not a letter of a sequence: remove it"
            )
        self._length += len(letters)
        self._md5.update(letters)
        self._sha512.update(letters)

    def digests(self) -> SequenceDigests:
        refget = f"SQ.{_encode_sha512t24u(self._sha512.digest())}"
        return SequenceDigests(self._name, self._length, self._md5.hexdigest(), refget)


def _encode_sha512t24u(sha512: bytes) -> str:
    return base64.urlsafe_b64encode(sha512[:24]).decode()


def _is_name(line: bytes) -> bool:
    return line.startswith(b">")


def _main(fasta: str, json_file: str) -> None:
    try:
        contigs = list(digests_of_fasta(Path(fasta)))
    except ValueError as error:
        sys.exit(str(error))
    Path(json_file).write_text(to_json(contigs), encoding="utf-8")
    for contig in contigs:
        print(contig.name, contig.length, contig.md5, contig.refget, sep="\t")  # noqa: T201 - the script reads it


if __name__ == "__main__":
    _main(*sys.argv[1:])
'
suffixes=()
check_index=''

samtools faidx "$fasta" ||
    fail "$fasta cannot be indexed: check that all lines of a sequence but the last have the same length"
contigs=$(wc -l < "$fasta.fai")
# samtools ignores the second of two sequences of one name.
[[ $contigs -eq $(grep -c '^>' "$fasta") ]] ||
    fail "$fasta has two sequences of one name: give each a unique name, up to the first blank"
# SAM specification, section 1.2.1; Picard would stop with an exception.
invalid=$(awk -F '\t' '$1 !~ /^[0-9A-Za-z!#$%&+.\/:;?@^_|~-][0-9A-Za-z!#$%&*+.\/:;=?@^_|~-]*$/ { print $1; exit }' "$fasta.fai")
[[ -z $invalid ]] ||
    fail "$fasta has a sequence named $invalid, which is not a valid name in SAM: use letters, digits and" \
        "!#\$%&*+./:;=?@^_|~- only, not beginning with * or ="
# SAM specification, section 5.2: the longest contig that .bai and .tbi can index.
long=$(awk -F '\t' '$2 > 536870911 { print $1 " of " $2; exit }' "$fasta.fai")
[[ -z $long ]] ||
    fail "$fasta has the sequence $long bases, and a BAM can be indexed up to 536,870,911: split this sequence"
[[ -n $has_alt ]] || ! awk -F '\t' '$1 ~ /_alt$|^HLA-/ { found = 1 } END { exit !found }' "$fasta.fai" ||
    warn "this reference has alternate contigs and no .alt file: reads over them get mapping quality 0;" \
        "give the file with --reference-alt"

# The bytes of Picard's CreateSequenceDictionary, whose first line is another than that of samtools. With a fixed UR, because
# otherwise it has the path of the scratch folder.
printf '@HD\tVN:1.6\n' > "$dictionary"
samtools dict --no-header --uri "$fasta" "$fasta" >> "$dictionary"

# MD5 and SHA-512 in one pass. The last line of Python's log is the error message.
python3 -I -S -c "$refget" "$fasta" "$identities" > identities.tsv 2> refget.log || fail "$(tail -n 1 refget.log)"
awk -F '\t' '/^@SQ/ {
    for (i = 2; i <= NF; i++) value[substr($i, 1, 2)] = substr($i, 4)
    print value["SN"] "\t" value["LN"] "\t" value["M5"] }' "$dictionary" > dictionary.tsv
cut -f 1-3 identities.tsv | cmp -s - dictionary.tsv ||
    fail "samtools reads $fasta differently than its sequences are written: check that each line has letters only"

[[ -z $has_alt ]] || cp alternate_contigs "$fasta.alt"
if [[ ${#suffixes[@]} -gt 0 ]]; then # of a ready-made index
    python3 -I -S -c "$check_index" "$fasta" index 2> index.log || fail "$(tail -n 1 index.log)"
    for suffix in "${suffixes[@]}"; do cp --reflink=auto "index.$suffix" "$fasta.$suffix"; done
else
    "$aligner" index "$fasta"
fi

fact contigs "$contigs"
fact bases "$(awk '{ n += $2 } END { printf "%.0f", n }' "$fasta.fai")"
fact seqcol "$(sed -n 's/^  "seqcol": "\(.*\)",$/\1/p' "$identities")"
# Facts are shown one by one: M5s of thousands of contigs are in the file only.
[[ $contigs -gt 100 ]] || while IFS=$'\t' read -r name _ md5 _; do fact "m5.$name" "$md5"; done < identities.tsv
