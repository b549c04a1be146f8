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
