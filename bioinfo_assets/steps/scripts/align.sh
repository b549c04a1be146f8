# The contigs with their M5s, in the order of the dictionary, which is the index's: an aligner that is given @SQ lines
# leaves its own out. UR is where the dictionary was made; AH marks alternate contigs, as the aligner would.
alternate_contigs=/dev/null
[[ -z $has_alt ]] || alternate_contigs=$fasta.alt
awk -F '\t' -v OFS='\t' -v alternate_contigs="$alternate_contigs" '
    FILENAME == alternate_contigs { if ($1 !~ /^@/) alternate["SN:" $1]; next }
    /^@SQ/ {
        line = $1
        for (i = 2; i <= NF; i++) if ($i !~ /^(UR|AH):/) line = line OFS $i
        print line ($2 in alternate ? OFS "AH:*" : "") }' "$alternate_contigs" "$dictionary" > header.sam
printf '%s\n' "${read_groups[@]}" >> header.sam
printf '%s\n' "${group_ids[@]}" > group_ids.txt

# Beside the aligner, which takes far longer: the pairs as the FASTQ has them. In a shell of its own, for bash forgets
# gzip's status when a pipeline has ended before it is waited for.
(gzip -dc "$reads1" | wc -l > lines.txt) &
counting=$!

# The aligner's log is shown while it runs, and read below.
mkfifo log
tee aligner.log < log >&2 &
logging=$!

# -C makes tags of FASTQ comments, and so each read's RG; -R would add a second one. -K fixes the batch, in bases:
# without it the records depend on the number of threads. -Y keeps the whole sequence in supplementary records.
"$aligner" mem -t "$JOB_CPUS" -K 100000000 -Y -C -H header.sam "$fasta" "$reads1" "$reads2" 2> log |
    samtools view -b -@ "$JOB_CPUS" --no-PG -o "$aligned" -
wait "$logging"
wait "$counting" || fail "$reads1 is not a whole gzip file: trim the reads of $sample again"

! grep -qE '[1-9][0-9]* single-end sequences|has fewer sequences' aligner.log ||
    fail "the reads of $sample are not all in pairs, as the log of $aligner says: trim its reads again"
[[ -z $has_alt ]] || grep -qE 'read [1-9][0-9]* ALT contigs' aligner.log ||
    fail "$aligner found no contig of $fasta.alt in $fasta: give the .alt that belongs to this reference, or none"
require_whole "$aligned"
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
    fail "$((records - grouped)) of $records records of $sample have no read group of its lanes: merge its reads again"
fact records "$records"
fact primary "$primary"
fact mapped "$(flagstat 'primary mapped')"
