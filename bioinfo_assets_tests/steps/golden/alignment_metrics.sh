bam=expt.recalib.bam
fasta=chr22.fa
metrics=expt.alignment_metrics.txt

# Prints the options of a JVM whose heap may use this percentage of the job's memory.
jvm() { printf '%s' "-Xmx$((JOB_MEMORY_MIB * $1 / 100))m -XX:+UseSerialGC -Djava.io.tmpdir='$TMPDIR'"; }

JAVA_TOOL_OPTIONS=$(jvm 75) picard CollectAlignmentSummaryMetrics --INPUT "$bam" --OUTPUT "$metrics" \
    --REFERENCE_SEQUENCE "$fasta" --VALIDATION_STRINGENCY SILENT
