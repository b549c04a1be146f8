printf '%s\n' "${read_groups[@]}" > read_groups.sam

# Count the reads while the aligner runs. In a subshell, because bash loses bgzip's status if a background pipeline ends
# before `wait`.
(bgzip -dc "$reads1" | wc -l > lines.txt) &
counting=$!

# The aligner's log is shown while it runs, and searched below.
mkfifo log
tee aligner.log < log >&2 &
logging=$!

# -C turns FASTQ comments into tags, and so sets each read's RG; -R would add a second one. -K fixes the batch size, in
# bases: without it the records depend on the number of threads. -Y keeps the full sequence in supplementary records.
ends=(0 0)
"$aligner" mem -t "$JOB_CPUS" -K 100000000 -Y -C -H read_groups.sam "$fasta" "$reads1" "$reads2" 2> log |
    write_aligned || ends=("${PIPESTATUS[@]}")
wait "$logging"
# What reads from an aligner that was killed fails too. The aligner ends by SIGPIPE (141) if the other failed before it.
[[ ${ends[0]} -eq 0 || ${ends[0]} -eq 141 ]] || exit "${ends[0]}"
[[ ${ends[1]} -eq 0 ]] || aligned_failed "${ends[1]}"
wait "$counting" || fail "$reads1 is not a complete gzip file: trim the reads of $sample again"

! grep -qE '[1-9][0-9]* single-end sequences|has fewer sequences' aligner.log ||
    fail "the reads of $sample are not all in pairs, by the log of $aligner: trim its reads again"
[[ -z $has_alt ]] || grep -qE 'read [1-9][0-9]* ALT contigs' aligner.log ||
    fail "$aligner found no contig of $fasta.alt in $fasta: give the .alt file of this reference, or none"
require_intact "$aligned"
require_contigs "$aligned" "$dictionary"

count_records
reads=$(($(< lines.txt) / 2))
[[ $primary -eq $reads && $paired -eq $reads ]] ||
    fail "$aligned holds $primary primary records, $paired of them paired, for $reads reads: align $sample again"
fact records "$records"
fact primary "$primary"
fact mapped "$mapped"
