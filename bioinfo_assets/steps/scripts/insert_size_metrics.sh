JAVA_TOOL_OPTIONS=$(jvm 75) picard CollectInsertSizeMetrics --INPUT "$bam" --OUTPUT "$metrics" \
    --Histogram_FILE "$histogram" --VALIDATION_STRINGENCY SILENT

# Without proper pairs it ends well and writes nothing; without R, or for any other reason, it fails.
if [[ -s $metrics ]]; then
    printf 'ok\n' > "$status"
    fact has_insert_metrics yes
else
    : > "$metrics"
    : > "$histogram"
    printf 'fail\n' > "$status"
    fact has_insert_metrics no
    warn "$sample has no proper pairs, so it has no insert sizes: look at its alignment metrics"
fi
