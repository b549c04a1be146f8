sample=expt
bam=expt.recalib.bam
map=haplotypes.txt
fasta=chr22.fa
threshold=-5
fingerprint=expt.fingerprint.vcf
lanes=expt.lane_identity.tsv

# GATK does not start with a temporary folder whose path has blanks or one of ?#%[]{}\", and a quote would end the option.
java_folder=$TMPDIR
if [[ $TMPDIR == *[^A-Za-z0-9/._+-]* ]]; then
    links=$(mktemp -d /tmp/bioinfo-assets.XXXXXX)
    trap 'rm -r "$links"' EXIT
    java_folder=$links/tmp
    ln -s "$TMPDIR" "$java_folder"
fi

# Prints the options of a JVM whose heap may use this percentage of the job's memory.
jvm() {
    printf '%s' "-Xmx$((JOB_MEMORY_MIB * $1 / 100))m -XX:+UseSerialGC -Djava.io.tmpdir=$java_folder"
}

JAVA_TOOL_OPTIONS=$(jvm 75)
export JAVA_TOOL_OPTIONS

# Contigs of another length are those of another assembly, where Picard would find no variant, or the wrong ones. Those of the
# map without variants do not matter: a map may have been made for a reference with more contigs.
samtools idxstats "$bam" | awk -F '\t' '$1 != "*" { print $1 "\t" $2 }' > contigs.tsv
awk '!/^[@#]/ { print $1 }' "$map" | sort -u > used.txt
difference=$(awk -F '\t' '
    FILENAME == "contigs.tsv" { bases[$1] = $2; next }
    FILENAME == "used.txt" { used[$1]; next }
    /^@SQ/ {
        name = length_ = ""
        for (i = 2; i <= NF; i++) { if ($i ~ /^SN:/) name = substr($i, 4); if ($i ~ /^LN:/) length_ = substr($i, 4) }
        if (!(name in used)) next
        if (!(name in bases)) problem = "has no contig " name
        else if (bases[name] != length_) problem = "has " bases[name] " bases in " name ", and the map " length_
        if (problem != "" && !found++) print problem
    }' contigs.tsv used.txt "$map")
[[ -z $difference ]] || fail "the haplotype map is of another reference: this one $difference"
awk -F '\t' '!/^[@#]/ && NF >= 5 { found = 1 } END { exit !found }' "$map" ||
    fail 'the haplotype map has no variants: give lines of contig, position, name, two alleles and frequency'

# Picard compares the lists of contigs by their order.
{ samtools view -H "$bam" | grep '^@SQ'; grep -v '^@' "$map"; } > fitted.txt
# An imported BAM may have another name in it than its sample.
picard ExtractFingerprint --INPUT "$bam" --OUTPUT extracted.vcf --HAPLOTYPE_MAP fitted.txt --REFERENCE_SEQUENCE "$fasta" \
    --SAMPLE_ALIAS "$sample"
grep -qv '^#' extracted.vcf ||
    fail 'Picard cannot use the haplotype map, for the reason in the log: one allele of each variant must be the base of the reference'
grep -v -e '^##fileDate=' -e '^##reference=' -e '^##source=' extracted.vcf > "$fingerprint"
fact sites "$(awk -F '\t' '!/^#/ { split($10, values, ":"); if (values[2] > 0) n++ } END { printf "%d", n }' "$fingerprint")"

picard CrosscheckFingerprints --INPUT "$bam" --OUTPUT crosscheck.txt --HAPLOTYPE_MAP fitted.txt --CROSSCHECK_BY READGROUP \
    --EXPECT_ALL_GROUPS_TO_MATCH true --LOD_THRESHOLD "$threshold" --CALCULATE_TUMOR_AWARE_RESULTS false \
    --EXIT_CODE_WHEN_MISMATCH 0 --EXIT_CODE_WHEN_NO_VALID_CHECKS 0
[[ -e crosscheck.txt ]] || : > crosscheck.txt # it is not written if no read is at a variant of the map
# Picard writes each pair twice, in an order of its own, and each read group with itself.
awk -F '\t' '
    $1 == "LEFT_GROUP_VALUE" { for (i = 1; i <= NF; i++) column[$i] = i; next }
    !column["LOD_SCORE"] || NF < column["LOD_SCORE"] || !($1 "" < $2 "") { next }
    { print $1 "\t" $2 "\t" $column["LOD_SCORE"] }' crosscheck.txt | LC_ALL=C sort > pairs.tsv
{ printf 'READ_GROUP_1\tREAD_GROUP_2\tLOD\n'; cat pairs.tsv; } > "$lanes"
if [[ -s pairs.tsv ]]; then
    LC_ALL=C sort -t $'\t' -k 3,3g -k 1,2 pairs.tsv > by_lod.tsv
    IFS=$'\t' read -r first second lod < by_lod.tsv
    fact lowest_lane_lod "$lod"
    fact lowest_lanes "$first and $second"
fi
