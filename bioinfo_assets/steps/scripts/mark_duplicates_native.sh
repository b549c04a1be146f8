require_contigs "$aligned" "$dictionary"

umis=()
if has_umis "$aligned" "$sample"; then
    umis=(-u)
fi

# In the aligner's order all records of a read are adjacent. The sort writes nothing until `mark` has ended, so that `finish`
# finds the whole set of duplicates.
engine mark -i "$aligned" -s duplicates.set -m "$metrics" -c counts.tsv -d "$optical_distance" "${umis[@]}" \
    -M $((JOB_MEMORY_MIB / 4)) -T "$TMPDIR" -@ "$JOB_CPUS" |
    samtools sort -u --no-PG -@ "$JOB_CPUS" -m "$((JOB_MEMORY_MIB / 3 / JOB_CPUS + 1))M" -T "$TMPDIR/sort" - |
    engine finish -i - -s duplicates.set -r "$fasta" -o "$marked" -@ "$JOB_CPUS"
read -r _ records < counts.tsv
