# Picard draws with R, and without it would fail only after a minute.
Rscript -e 'quit()' || fail "R does not run, so $sample has no insert-size histogram: install r-base-core"

JAVA_TOOL_OPTIONS=$(jvm 75) picard CollectInsertSizeMetrics --INPUT "$bam" --OUTPUT "$metrics" \
    --Histogram_FILE "$histogram" --VALIDATION_STRINGENCY SILENT
