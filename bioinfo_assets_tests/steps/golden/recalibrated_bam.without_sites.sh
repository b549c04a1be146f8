marked=expt.mark_dup.bam
dictionary=chr22.dict
recalibrated=expt.recalib.bam

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

# No known sites: nothing to tell errors from variants by, so the qualities stay as the sequencer gave them.
require_contigs "$marked" "$dictionary"
cp --reflink=auto "$marked" "$recalibrated"
cp "$marked.bai" "$recalibrated.bai"
touch "$recalibrated.bai"
md5sum "$recalibrated" | cut -c 1-32 | tr -d '\n' > "$recalibrated.md5"
require_whole "$recalibrated"
require_records "$recalibrated" "$(indexed_records "$recalibrated")" "$(indexed_records "$marked")"
fact recalibrated no
fact records "$(indexed_records "$recalibrated")"
