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
