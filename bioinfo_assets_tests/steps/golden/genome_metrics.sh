bam=expt.recalib.bam
fasta=chr22.fa
wgs=expt.wgs_metrics.txt
gc_summary=expt.gc_bias.summary_metrics.txt
gc_detail=expt.gc_bias.detail_metrics.txt
qualities=expt.quality_by_cycle_metrics.txt

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

# Picard draws with R, and without it would fail only after the first pass.
Rscript -e 'quit()' || fail 'R does not run, so Picard cannot draw: install r-base-core'

JAVA_TOOL_OPTIONS=$(jvm 75) picard CollectMultipleMetrics --INPUT "$bam" --OUTPUT collected --REFERENCE_SEQUENCE "$fasta" \
    --PROGRAM null --PROGRAM CollectGcBiasMetrics --PROGRAM MeanQualityByCycle --VALIDATION_STRINGENCY SILENT
JAVA_TOOL_OPTIONS=$(jvm 75) picard CollectWgsMetrics --INPUT "$bam" --OUTPUT "$wgs" --REFERENCE_SEQUENCE "$fasta" \
    --VALIDATION_STRINGENCY SILENT

# Without reads, Picard writes the head of a table alone, or no file: both become an empty one.
keep() { # what Picard wrote, the start of its table, the name to publish it under
    grep -q "^## $2" "$1" 2>/dev/null || : > "$1"
    mv "$1" "$3"
}
keep collected.gc_bias.summary_metrics 'METRICS CLASS' "$gc_summary"
keep collected.gc_bias.detail_metrics 'METRICS CLASS' "$gc_detail"
keep collected.quality_by_cycle_metrics HISTOGRAM "$qualities"
