# Compares the fingerprints of all samples: keeps the pairs that are one person's, or two, against what is expected, and
# those of one patient with too few reads to be compared.
paste <(printf '%s\n' "${samples[@]}") <(printf '%s\n' "${people[@]}") > people.tsv
printf '%s\n' "${fingerprints[@]}" > fingerprints.list
# Picard compares the lists of contigs by their order; the map's may be longer (see fingerprint.sh).
{
    sed -nE 's/^##contig=<ID=([^,]+),length=([0-9]+).*/@SQ\tSN:\1\tLN:\2/p' "${fingerprints[0]}"
    grep -v '^@' "$map"
} > fitted.txt
JAVA_TOOL_OPTIONS=$(jvm 75) picard CrosscheckFingerprints --INPUT fingerprints.list --OUTPUT crosscheck.txt \
    --HAPLOTYPE_MAP fitted.txt --SAMPLE_INDIVIDUAL_MAP people.tsv --CROSSCHECK_BY SAMPLE --LOD_THRESHOLD "$threshold" \
    --OUTPUT_ERRORS_ONLY true --CALCULATE_TUMOR_AWARE_RESULTS false \
    --EXIT_CODE_WHEN_MISMATCH 0 --EXIT_CODE_WHEN_NO_VALID_CHECKS 0
[[ -e crosscheck.txt ]] || : > crosscheck.txt # Picard writes none if everything is as expected
awk -F '\t' '
    FILENAME == "people.tsv" { person[$1] = $2; next }
    $1 == "LEFT_GROUP_VALUE" { for (i = 1; i <= NF; i++) column[$i] = i; next }
    !column["RESULT"] || NF < column["LOD_SCORE"] || !($1 "" < $2 "") { next }
    $column["RESULT"] == "UNEXPECTED_MATCH" { print $1 "\t" $2 "\tone person\t" $column["LOD_SCORE"] }
    $column["RESULT"] == "UNEXPECTED_MISMATCH" { print $1 "\t" $2 "\ttwo people\t" $column["LOD_SCORE"] }
    $column["RESULT"] == "INCONCLUSIVE" && person[$1] == person[$2] {
        print $1 "\t" $2 "\tinconclusive\t" $column["LOD_SCORE"]
    }
    ' people.tsv crosscheck.txt | LC_ALL=C sort > pairs.tsv
rm crosscheck.txt # MultiQC would show it too
{ printf 'SAMPLE_1\tSAMPLE_2\tFOUND\tLOD\n'; cat pairs.tsv; } > sample_identity.tsv
if [[ -s pairs.tsv ]]; then
    {
        printf '%s\n' '# id: sample_identity' '# section_name: Sample identity' '# plot_type: table' \
            '# pconfig:' '#     no_violin: true' \
            '# description: Pairs of samples whose genotypes are not as the samplesheet leads to expect, or unclear.'
        printf 'Pair\tFound\tLOD\n'
        awk -F '\t' '{ print $1 " and " $2 "\t" $3 "\t" $4 }' pairs.tsv
    } > sample_identity_mqc.tsv
fi
