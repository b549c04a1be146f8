sample=expt
bam=expt.recalib.bam
metrics=expt.insert_metrics.txt
status=expt.insert_metrics.status
histogram=expt.insert_size_histogram.pdf

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

# Picard draws with R, and without it would fail only after a minute.
Rscript -e 'quit()' || fail "R does not run, so $sample has no insert-size histogram: install r-base-core"

JAVA_TOOL_OPTIONS=$(jvm 75) picard CollectInsertSizeMetrics --INPUT "$bam" --OUTPUT "$metrics" \
    --Histogram_FILE "$histogram" --VALIDATION_STRINGENCY SILENT

# Without proper pairs Picard succeeds and writes nothing.
if [[ -s $metrics ]]; then
    printf 'ok\n' > "$status"
    fact has_insert_metrics yes
else
    : > "$metrics"
    : > "$histogram"
    printf 'fail\n' > "$status"
    fact has_insert_metrics no
    warn "$sample has no proper pairs, so it has no insert sizes: check its alignment metrics"
fi
