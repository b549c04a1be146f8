[[ -z $has_alt ]] || cp alternate_contigs "$fasta.alt"
"$aligner" index "$fasta"
samtools faidx "$fasta" || fail "$fasta cannot be indexed: check that its names are unique and that all lines of a sequence are equally long"
# A fixed UR, for Picard would write the scratch folder there.
JAVA_TOOL_OPTIONS=$(jvm 75) picard CreateSequenceDictionary --REFERENCE "$fasta" --OUTPUT "$dictionary" --URI "$fasta"
fact contigs "$(wc -l < "$fasta.fai")"
fact bases "$(awk '{ n += $2 } END { printf "%.0f", n }' "$fasta.fai")"
