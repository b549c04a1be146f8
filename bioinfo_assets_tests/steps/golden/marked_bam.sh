sample=expt
aligned=expt.aln.bam
fasta=chr22.fa
dictionary=chr22.dict
optical_distance=2500
marked=expt.mark_dup.bam
metrics=expt.mark_dup.markdup.metrics.txt

# Settings for a JVM that may use this share, in percent, of the job's memory as its heap.
jvm() { printf '%s' "-Xmx$((JOB_MEMORY_MIB * $1 / 100))m -XX:+UseSerialGC -Djava.io.tmpdir='$TMPDIR'"; }

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

require_contigs "$aligned" "$dictionary"
records=$(samtools view -c -@ "$JOB_CPUS" "$aligned")

# A soft-masked reference would give MD lower-case letters, and SAM tags (section 1) has upper-case ones. No byte moves,
# so the index stays true.
LC_ALL=C awk '/^>/ { print; next } { print toupper($0) }' "$fasta" > upper_case.fa
cp "$fasta.fai" upper_case.fa.fai
cp "$dictionary" upper_case.dict

# Names with a UMI as their eighth field: Picard's own parser, which is faster, finds no place on the flow cell in them.
places=()
name=$(samtools view "$aligned" 2> /dev/null | head -n 1 | cut -f 1 || true)
if [[ $name =~ ^([^:]+:){7}[^:]+$ ]]; then
    places=(--READ_NAME_REGEX '[^:]+:[0-9]+:[^:]+:[0-9]+:([0-9]+):(-?[0-9]+):(-?[0-9]+):[A-Za-z0-9+_-]+')
    warn "the reads of $sample have UMIs in their names, which are not used to tell duplicates apart"
fi

# MarkDuplicates reads its input twice, so that must be a file. It goes by the aligner's order, in which all records of
# a read stand together: so supplementary records are flagged with their read. The sort holds everything back until
# MarkDuplicates has ended, so the two JVMs do not fill their heaps at one time.
JAVA_TOOL_OPTIONS=$(jvm 45) picard MarkDuplicates --INPUT "$aligned" --OUTPUT /dev/stdout --METRICS_FILE "$metrics" \
    --ASSUME_SORT_ORDER queryname --OPTICAL_DUPLICATE_PIXEL_DISTANCE "$optical_distance" "${places[@]}" \
    --VALIDATION_STRINGENCY SILENT --COMPRESSION_LEVEL 0 |
    link_programs - |
    samtools sort -u --no-PG -@ "$JOB_CPUS" -m "$((JOB_MEMORY_MIB / 5 / JOB_CPUS + 1))M" -T "$TMPDIR/sort" - |
    JAVA_TOOL_OPTIONS=$(jvm 20) picard SetNmMdAndUqTags --INPUT /dev/stdin --OUTPUT "$marked" \
        --REFERENCE_SEQUENCE upper_case.fa --VALIDATION_STRINGENCY SILENT --CREATE_INDEX true --CREATE_MD5_FILE true
rm upper_case.*
mv "${marked%.bam}.bai" "$marked.bai"

require_whole "$marked"
require_contigs "$marked" "$dictionary"
require_records "$marked" "$(indexed_records "$marked")" "$records"
[[ $(samtools view -H "$marked" | grep '^@HD') == *SO:coordinate* ]] || fail "$marked is not sorted: run the step again"
fact records "$records"
