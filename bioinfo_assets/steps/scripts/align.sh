printf '%s\n' "${read_groups[@]}" > read_groups.sam
printf '%s\n' "${group_ids[@]}" > group_ids.txt

# Count the reads while the aligner runs. In a subshell, because bash loses gzip's status if a background pipeline ends
# before `wait`.
(gzip -dc "$reads1" | wc -l > lines.txt) &
counting=$!

# The aligner's log is shown while it runs, and searched below.
mkfifo log
tee aligner.log < log >&2 &
logging=$!

# Adds the M5s of the dictionary to the aligner's @SQ lines. bwa's -H could add these lines too, but it takes 40 s for
# 200,000 contigs, and its time grows with the square of their number.
export dictionary m5s='
    NR == FNR { for (i = 2; i <= NF; i++) { if ($i ~ /^SN:/) name = $i; if ($i ~ /^M5:/) m5[name] = $i }; next }
    /^@SQ/ { for (i = 2; i <= NF; i++) if ($i in m5) $0 = $0 OFS m5[$i] }
    { print }'

# -C turns FASTQ comments into tags, and so sets each read's RG; -R would add a second one. -K fixes the batch size, in
# bases: without it the records depend on the number of threads. -Y keeps the full sequence in supplementary records.
"$aligner" mem -t "$JOB_CPUS" -K 100000000 -Y -C -H read_groups.sam "$fasta" "$reads1" "$reads2" 2> log |
    samtools view -b -@ "$JOB_CPUS" --no-PG - |
    samtools reheader --no-PG --command 'awk -F "\t" -v OFS="\t" "$m5s" "$dictionary" -' - > "$aligned"
wait "$logging"
wait "$counting" || fail "$reads1 is not a complete gzip file: trim the reads of $sample again"

! grep -qE '[1-9][0-9]* single-end sequences|has fewer sequences' aligner.log ||
    fail "the reads of $sample are not all in pairs, by the log of $aligner: trim its reads again"
[[ -z $has_alt ]] || grep -qE 'read [1-9][0-9]* ALT contigs' aligner.log ||
    fail "$aligner found no contig of $fasta.alt in $fasta: give the .alt file of this reference, or none"
require_intact "$aligned"
require_contigs "$aligned" "$dictionary"

samtools flagstat -@ "$JOB_CPUS" -O tsv "$aligned" > flagstat.tsv
flagstat() { awk -F '\t' -v row="$1" 'index($3, row) == 1 { printf "%.0f\n", $1 + $2; exit }' flagstat.tsv; }
records=$(flagstat 'total')
primary=$(flagstat 'primary')
paired=$(flagstat 'paired in sequencing')
reads=$(($(< lines.txt) / 2))
[[ $primary -eq $reads && $paired -eq $reads ]] ||
    fail "$aligned holds $primary primary records, $paired of them paired, for $reads reads: align $sample again"
grouped=$(samtools view -c -@ "$JOB_CPUS" -R group_ids.txt "$aligned")
[[ $grouped -eq $records ]] ||
    fail "$((records - grouped)) of $records records of $sample have none of its read groups: merge its reads again"
fact records "$records"
fact primary "$primary"
fact mapped "$(flagstat 'primary mapped')"
