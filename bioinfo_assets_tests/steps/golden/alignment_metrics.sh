bam=expt.recalib.bam
fasta=chr22.fa
metrics=expt.alignment_metrics.txt

# Settings for a JVM that may use this share, in percent, of the job's memory as its heap.
jvm() { printf '%s' "-Xmx$((JOB_MEMORY_MIB * $1 / 100))m -XX:+UseSerialGC -Djava.io.tmpdir='$TMPDIR'"; }

JAVA_TOOL_OPTIONS=$(jvm 75) picard CollectAlignmentSummaryMetrics --INPUT "$bam" --OUTPUT "$metrics" \
    --REFERENCE_SEQUENCE "$fasta" --VALIDATION_STRINGENCY SILENT
