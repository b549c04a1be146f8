sample=expt
aligner=bwa
fasta=chr22.fa
has_alt=yes
reads1=expt.cutadapt.1.fastq.gz
reads2=expt.cutadapt.2.fastq.gz
read_groups=('@RG	ID:FC1.4	SM:expt	LB:expt	PL:ILLUMINA	PU:FC1.4' '@RG	ID:FC2.1	SM:expt	LB:expt	PL:ILLUMINA	PU:FC2.1')
group_ids=(FC1.4 FC2.1)
aligned=expt.aln.bam

# Records in an indexed BAM, told by its index. mawk's print would write 3e+09 for numbers from 2^31 on.
indexed_records() { samtools idxstats "$1" | awk '{ n += $3 + $4 } END { printf "%.0f\n", n }'; }

# Fails unless the BAM has its header and its end.
require_whole() { samtools quickcheck "$1" || fail "$1 was not written whole: run the step again"; }

# Fails unless a BAM that was made has as many records as the one it was made from.
require_records() {
    [[ $2 -eq $3 ]] || fail "$1 holds $2 records where its input holds $3: run the step again"
}

printf '%s\n' "${read_groups[@]}" > read_groups.sam
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
"$aligner" mem -t "$JOB_CPUS" -K 100000000 -Y -C -H read_groups.sam "$fasta" "$reads1" "$reads2" 2> log |
    samtools view -b -@ "$JOB_CPUS" --no-PG -o "$aligned" -
wait "$logging"
wait "$counting" || fail "$reads1 is not a whole gzip file: trim the reads of $sample again"

! grep -qE '[1-9][0-9]* single-end sequences|has fewer sequences' aligner.log ||
    fail "the reads of $sample are not all in pairs, as the log of $aligner says: trim its reads again"
[[ -z $has_alt ]] || grep -qE 'read [1-9][0-9]* ALT contigs' aligner.log ||
    fail "$aligner found no contig of $fasta.alt in $fasta: give the .alt that belongs to this reference, or none"
require_whole "$aligned"

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
