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

# Prints the number of records of an indexed BAM. printf, because mawk's print writes numbers from 2^31 as 3e+09.
indexed_records() { samtools idxstats "$1" | awk '{ n += $3 + $4 } END { printf "%.0f\n", n }'; }

# Fails unless the BAM has its header and its end-of-file block.
require_intact() { samtools quickcheck "$1" || fail "$1 is truncated: run the step again"; }

require_records() { # BAM, its number of records, that of its input
    [[ $2 -eq $3 ]] || fail "$1 has $2 records, and its input has $3: run the step again"
}

# Prints names, lengths and M5s of a header's @SQ lines (SAM specification, section 1.3.2).
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

# Fails unless a BAM has the contigs of a dictionary in their order; M5s are compared where both have them.
require_contigs() { # BAM, dictionary
    local difference
    samtools view -H "$1" | contigs_of_header > contigs.bam.tsv
    contigs_of_header < "$2" > contigs.dict.tsv
    # Lines of the two files alternate, empty ones after the end of the shorter. awk reads all of them because of pipefail.
    difference=$(paste -d '\n' contigs.bam.tsv contigs.dict.tsv | awk -F '\t' -v bam="$1" -v dictionary="$2" '
        { contig = $1 == "" ? "none" : $1 " of " $2 " bases"; key = $1 FS $2 }
        NR % 2 { bam_contig = contig; bam_key = key; bam_md5 = $3; next }
        key == bam_key && (bam_md5 == $3 || bam_md5 == "" || $3 == "") { next }
        key == bam_key { bam_contig = bam_contig " with M5 " bam_md5; contig = contig " with M5 " $3 }
        !found++ { print bam " is of another reference: its contig " NR / 2 " is " bam_contig \
            ", and that of " dictionary " is " contig }')
    [[ -z $difference ]] || fail "$difference: align the reads to the reference of this project"
}

# Copies a BAM and links each @PG line of its header to the one before (PP): neither Picard nor GATK does so if the
# records have no PG tag, and the aligner writes none. Only the header changes.
link_programs() { # BAM, or - for standard input
    link='/^@PG/ {
        linked = 0
        for (i = 2; i <= NF; i++) { if ($i ~ /^ID:/) id_field = i; if ($i ~ /^PP:/) linked = 1 }
        id = substr($id_field, 4)
        if (previous != "" && !linked) $id_field = $id_field OFS "PP:" previous
        previous = id }
        { print }' samtools reheader --no-PG --command 'awk -F "\t" -v OFS="\t" "$link"' "$1"
}

# The project's own program; what it reports as wrong is why the job fails.
engine() { logged_engine "$@" || engine_failed "$1" $?; }

logged_engine() { bioinfo-assets-engine "$@" 2> "engine.$1.log"; }

# Ends the job; a program that was killed has no sentence.
engine_failed() { # subcommand, exit code
    local reason
    reason=$(sed -n '$s/^bioinfo-assets-engine: //p' "engine.$1.log")
    [[ -z $reason ]] || fail "$reason"
    exit "$2"
}

# Adds the M5s of the dictionary to the aligner's @SQ lines, counts the records, and fails for those without a read group.
write_aligned() {
    logged_engine aligned -i - -n "$sample" -d "$dictionary" -o "$aligned" -c counts.tsv -@ "$JOB_CPUS"
}
aligned_failed() { engine_failed aligned "$1"; }

# Sets the numbers of records.
count_records() {
    { read -r _ records && read -r _ primary && read -r _ mapped && read -r _ paired; } < counts.tsv
}

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
