JAVA_TOOL_OPTIONS=$(jvm 75) picard CollectAlignmentSummaryMetrics --INPUT "$bam" --OUTPUT "$metrics" \
    --REFERENCE_SEQUENCE "$fasta" --VALIDATION_STRINGENCY SILENT
