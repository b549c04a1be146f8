engine metrics -i "$bam" -s "$metrics" -@ "$JOB_CPUS"

# As Picard calls it.
printf '%s\n' "$draw_histogram" > insert_size_histogram.R
[[ ! -s $metrics ]] || Rscript insert_size_histogram.R "$metrics" "$histogram" "$bam" ||
    fail "R does not run, so $sample has no insert-size histogram: install r-base-core"
