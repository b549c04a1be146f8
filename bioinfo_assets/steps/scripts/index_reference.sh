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
