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

# GATK does not start with a temporary folder whose path has blanks or one of ?#%[]{}\", and a quote would end the option.
java_folder=$TMPDIR
if [[ $TMPDIR == *[^A-Za-z0-9/._+-]* ]]; then
    links=$(mktemp -d /tmp/bioinfo-assets.XXXXXX)
    trap 'rm -r "$links"' EXIT
    java_folder=$links/tmp
    ln -s "$TMPDIR" "$java_folder"
fi

# Prints the options of a JVM whose heap may use this percentage of the job's memory.
jvm() {
    printf '%s' "-Xmx$((JOB_MEMORY_MIB * $1 / 100))m -XX:+UseSerialGC -Djava.io.tmpdir=$java_folder"
}

require_contigs "$aligned" "$dictionary"
records=$(samtools view -c -@ "$JOB_CPUS" "$aligned")

# A soft-masked reference would give MD lower-case letters, and SAM tags (section 1) has upper-case ones. No offset
# changes, so the index is still valid.
LC_ALL=C awk '/^>/ { print; next } { print toupper($0) }' "$fasta" > upper_case.fa
cp "$fasta.fai" upper_case.fa.fai
cp "$dictionary" upper_case.dict

# For names with a UMI: Picard's own parser, which is faster, finds no coordinates in them. Other runs of the sample may have
# none.
name_regex=()
if has_umis "$aligned" "$sample"; then
    name_regex=(--READ_NAME_REGEX '[^:]+:[^:]+:[^:]+:[0-9]+:([0-9]+):(-?[0-9]+):(-?[0-9]+)(?:[:_][A-Za-z0-9+_-]+)?')
fi

# MarkDuplicates reads its input twice, so that must be a file. In the aligner's order all records of a read are
# adjacent, so supplementary records are flagged with their read. The sort writes nothing until MarkDuplicates has
# ended, so the two JVMs do not fill their heaps at the same time.
JAVA_TOOL_OPTIONS=$(jvm 45) picard MarkDuplicates --INPUT "$aligned" --OUTPUT /dev/stdout --METRICS_FILE "$metrics" \
    --ASSUME_SORT_ORDER queryname --OPTICAL_DUPLICATE_PIXEL_DISTANCE "$optical_distance" "${name_regex[@]}" \
    --ADD_PG_TAG_TO_READS false --VALIDATION_STRINGENCY SILENT --COMPRESSION_LEVEL 0 |
    link_programs - |
    samtools sort -u --no-PG -@ "$JOB_CPUS" -m "$((JOB_MEMORY_MIB / 5 / JOB_CPUS + 1))M" -T "$TMPDIR/sort" - |
    JAVA_TOOL_OPTIONS=$(jvm 20) picard SetNmMdAndUqTags --INPUT /dev/stdin --OUTPUT "$marked" \
        --REFERENCE_SEQUENCE upper_case.fa --VALIDATION_STRINGENCY SILENT --CREATE_INDEX true --CREATE_MD5_FILE true
rm upper_case.*
mv "${marked%.bam}.bai" "$marked.bai"

require_intact "$marked"
require_contigs "$marked" "$dictionary"
require_records "$marked" "$(indexed_records "$marked")" "$records"
[[ $(samtools view -H "$marked" | grep '^@HD') == *SO:coordinate* ]] || fail "$marked is not sorted: run the step again"
fact records "$records"
