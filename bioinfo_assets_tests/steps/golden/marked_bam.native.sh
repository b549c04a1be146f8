sample=expt
aligned=expt.aln.bam
fasta=chr22.fa
dictionary=chr22.dict
optical_distance=2500
marked=expt.mark_dup.bam
metrics=expt.mark_dup.markdup.metrics.txt

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

# Whether the first read of a BAM has a UMI at the end of its name, as an eighth field or after `_`; then there is a warning.
has_umis() { # BAM, sample
    local name
    name=$(samtools view "$1" 2> /dev/null | head -n 1 | cut -f 1 || true)
    [[ $name =~ ^([^:]+:){6}-?[0-9]+[:_][^:]+$ ]] || return
    warn "the reads of $2 have UMIs in their names, which are not used to distinguish duplicates"
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

require_intact "$marked"
require_contigs "$marked" "$dictionary"
require_records "$marked" "$(indexed_records "$marked")" "$records"
[[ $(samtools view -H "$marked" | grep '^@HD') == *SO:coordinate* ]] || fail "$marked is not sorted: run the step again"
fact records "$records"
