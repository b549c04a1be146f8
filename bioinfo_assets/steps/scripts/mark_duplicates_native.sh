require_contigs "$aligned" "$dictionary"

has_umis "$aligned" "$sample" || true # the engine finds coordinates in both kinds of names

# In the aligner's order all records of a read are adjacent. The sort writes nothing until `mark` has ended, so that `finish`
# finds the whole set of duplicates.
ends=(0 0 0)
logged_engine mark -i "$aligned" -s duplicates.set -m "$metrics" -c counts.tsv -d "$optical_distance" \
    -M $((JOB_MEMORY_MIB / 4)) -T "$TMPDIR" -@ "$JOB_CPUS" |
    samtools sort -u --no-PG -@ "$JOB_CPUS" -m "$((JOB_MEMORY_MIB / 3 / JOB_CPUS + 1))M" -T "$TMPDIR/sort" - |
    logged_engine finish -i - -s duplicates.set -r "$fasta" -o "$marked" -@ "$JOB_CPUS" || ends=("${PIPESTATUS[@]}")
# The first to fail has the reason: what reads from it sees its stream end, and what writes to it ends by SIGPIPE (141).
[[ ${ends[0]} -eq 0 || ${ends[0]} -eq 141 ]] || engine_failed mark "${ends[0]}"
[[ ${ends[1]} -eq 0 || ${ends[1]} -eq 141 ]] || exit "${ends[1]}"
[[ ${ends[2]} -eq 0 ]] || engine_failed finish "${ends[2]}"
read -r _ records < counts.tsv
