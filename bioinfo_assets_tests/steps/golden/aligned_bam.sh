sample=expt
aligner=bwa
fasta=chr22.fa
dictionary=chr22.dict
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

# Names, lengths and M5s of a header's @SQ lines (SAM specification, section 1.3.2).
contigs_of_header() {
    awk -F '\t' '/^@SQ/ {
        name = bases = md5 = ""
        for (i = 2; i <= NF; i++) {
            value = substr($i, 4)
            if ($i ~ /^SN:/) name = value
            if ($i ~ /^LN:/) bases = value
            if ($i ~ /^M5:/) md5 = tolower(value) }
        print name "\t" bases "\t" md5 }'
}

# Fails unless a BAM's contigs are those of a dictionary in their order; M5s count where both have them.
require_contigs() { # BAM, dictionary
    local other
    samtools view -H "$1" | contigs_of_header > contigs.bam.tsv
    contigs_of_header < "$2" > contigs.dict.tsv
    # Line by line, one of each in turn; a line is empty where one has no more. To the end, for the sake of pipefail.
    other=$(paste -d '\n' contigs.bam.tsv contigs.dict.tsv | awk -F '\t' -v bam="$1" -v dictionary="$2" '
        { contig = $1 == "" ? "none" : $1 " of " $2 " bases"; place = $1 FS $2 }
        NR % 2 { ours = contig; our_place = place; our_md5 = $3; next }
        place == our_place && (our_md5 == $3 || our_md5 == "" || $3 == "") { next }
        place == our_place { ours = ours " with M5 " our_md5; contig = contig " with M5 " $3 }
        !told++ { print bam " is of another reference: its contig " NR / 2 " is " ours \
            ", and that of " dictionary " is " contig }')
    [[ -z $other ]] || fail "$other: align the reads to the reference of this project"
}

# Copies a BAM and has each @PG line of its header follow the one before: neither Picard nor GATK sets PP where no record
# names its program, and the aligner's records name none. Only the header is written anew.
link_programs() { # BAM, or - for standard input
    link='/^@PG/ {
        linked = 0
        for (i = 2; i <= NF; i++) { if ($i ~ /^ID:/) at = i; if ($i ~ /^PP:/) linked = 1 }
        id = substr($at, 4)
        if (previous != "" && !linked) $at = $at OFS "PP:" previous
        previous = id }
        { print }' samtools reheader --no-PG --command 'awk -F "\t" -v OFS="\t" "$link"' "$1"
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

# The aligner's own @SQ lines, each with the M5 that the dictionary has for its name. Lines given by -H would do too, but
# bwa takes 40 s for those of 200,000 contigs, and longer by the square of their number.
export dictionary m5s='
    NR == FNR { for (i = 2; i <= NF; i++) { if ($i ~ /^SN:/) name = $i; if ($i ~ /^M5:/) m5[name] = $i }; next }
    /^@SQ/ { for (i = 2; i <= NF; i++) if ($i in m5) $0 = $0 OFS m5[$i] }
    { print }'

# -C makes tags of FASTQ comments, and so each read's RG; -R would add a second one. -K fixes the batch, in bases:
# without it the records depend on the number of threads. -Y keeps the whole sequence in supplementary records.
"$aligner" mem -t "$JOB_CPUS" -K 100000000 -Y -C -H read_groups.sam "$fasta" "$reads1" "$reads2" 2> log |
    samtools view -b -@ "$JOB_CPUS" --no-PG - |
    samtools reheader --no-PG --command 'awk -F "\t" -v OFS="\t" "$m5s" "$dictionary" -' - > "$aligned"
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
