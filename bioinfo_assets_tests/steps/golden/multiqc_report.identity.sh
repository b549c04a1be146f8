map=haplotypes.txt
threshold=-5
samples=(expt other)
people=('patient it'"'"'s' 'sample other')
fingerprints=(expt+expt.fingerprint.vcf other+other.fingerprint.vcf)
config='{
 "no_version_check": true,
 "no_ai": true,
 "megaqc_upload": false,
 "plots_force_interactive": true,
 "use_filename_as_sample_name": true,
 "fn_clean_exts": [
  {
   "type": "truncate",
   "pattern": "+"
  }
 ],
 "fn_clean_trim": []
}'

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

printf '%s\n' "$config" > multiqc_config.yaml
multiqc --config multiqc_config.yaml --filename multiqc_report.html --outdir report .
[[ -s report/multiqc_report_data/multiqc_general_stats.txt ]] ||
    fail 'the samples have no metrics to report: materialize their metrics first'
mv report/multiqc_report.html report/multiqc_report_data/multiqc_data.json \
    report/multiqc_report_data/multiqc_general_stats.txt .
