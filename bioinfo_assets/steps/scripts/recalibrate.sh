JAVA_TOOL_OPTIONS=$(jvm 75)
export JAVA_TOOL_OPTIONS

require_contigs "$marked" "$dictionary"
records=$(indexed_records "$marked")

gatk BaseRecalibrator --input "$marked" --reference "$fasta" --output "$table" --use-original-qualities \
    "${known_sites[@]}"

# ApplyBQSR writes into a pipe: the MD5 that it can write is that of the BAM before link_programs.
mkfifo applied.bam
link_programs applied.bam | tee "$recalibrated" | md5sum | cut -c 1-32 | tr -d '\n' > "$recalibrated.md5" &
linking=$!

# A read group without observations is not in the table; its qualities are not changed.
gatk ApplyBQSR --input "$marked" --reference "$fasta" --bqsr-recal-file "$table" --output applied.bam \
    --use-original-qualities "${quantized[@]}" --add-output-sam-program-record --create-output-bam-md5 false \
    --create-output-bam-index false --allow-missing-read-group
wait "$linking"
samtools index -@ "$JOB_CPUS" "$recalibrated" "$recalibrated.bai"
