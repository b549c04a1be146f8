engine metrics -i "$bam" -r "$fasta" -a "$metrics" -@ "$JOB_CPUS"
