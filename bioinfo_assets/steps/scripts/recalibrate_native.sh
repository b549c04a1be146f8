require_contigs "$marked" "$dictionary"
records=$(indexed_records "$marked")

# Each thread has a contig in memory, whatever the number of CPUs.
engine table -i "$marked" -r "$fasta" "${known_sites[@]}" -o "$table" -@ "$((JOB_CPUS < 4 ? JOB_CPUS : 4))"
# It writes the index and the MD5 file too. A read group without observations keeps its qualities.
engine apply -i "$marked" -t "$table" -o "$recalibrated" "${quantized[@]}" -@ "$JOB_CPUS"
