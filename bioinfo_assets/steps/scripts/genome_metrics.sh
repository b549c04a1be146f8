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
