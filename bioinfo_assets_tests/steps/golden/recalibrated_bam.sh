sample=expt
marked=expt.mark_dup.bam
fasta=chr22.fa
dictionary=chr22.dict
known_sites=(--known-sites mills.vcf.gz)
quantized=(--static-quantized-quals 10 --static-quantized-quals 20 --static-quantized-quals 30)
table=expt.recalib.recal.table
recalibrated=expt.recalib.bam

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

JAVA_TOOL_OPTIONS=$(jvm 75)
export JAVA_TOOL_OPTIONS

require_contigs "$marked" "$dictionary"
records=$(indexed_records "$marked")

gatk BaseRecalibrator --input "$marked" --reference "$fasta" --output "$table" --use-original-qualities \
    "${known_sites[@]}"

# ApplyBQSR writes into a pipe, and its md5 would be that of the BAM before its programs are linked.
mkfifo applied.bam
link_programs applied.bam | tee "$recalibrated" | md5sum | cut -c 1-32 | tr -d '\n' > "$recalibrated.md5" &
linking=$!

# A read group without an observation is not in the table; its qualities stay.
gatk ApplyBQSR --input "$marked" --reference "$fasta" --bqsr-recal-file "$table" --output applied.bam \
    --use-original-qualities "${quantized[@]}" --add-output-sam-program-record --create-output-bam-md5 false \
    --create-output-bam-index false --allow-missing-read-group
wait "$linking"
samtools index -@ "$JOB_CPUS" "$recalibrated" "$recalibrated.bai"

require_whole "$recalibrated"
require_contigs "$recalibrated" "$dictionary"
require_records "$recalibrated" "$(indexed_records "$recalibrated")" "$records"
fact recalibrated yes
fact records "$records"

# Rows of the table of read groups: name, event type, two qualities, observations, errors. A name may hold blanks.
awk '/^#:GATKTable:RecalTable0:/ { here = NR }
    here && NR > here + 1 { if (NF < 6) exit; observed = $(NF - 1); NF -= 5; print observed "\t" $0 }' "$table" \
    > observed.tsv
# BQSR knows a read group by its PU, or by its ID where it has none.
samtools view -H "$marked" | awk -F '\t' '/^@RG/ {
    for (i = 2; i <= NF; i++) value[substr($i, 1, 2)] = substr($i, 4)
    print "PU" in value ? value["PU"] : value["ID"]; delete value }' | sort -u > groups.txt

# GATK's documentation of BQSR expects well over 100 million bases from a read group.
awk -F '\t' 'FILENAME == "observed.tsv" { observed[$2] = $1; next }
    !($1 in observed) { none = none " " $1; next }
    observed[$1] < 100e6 { few++; if (least == "" || observed[$1] < observed[least]) least = $1 }
    END {
        if (none) print "these read groups have no base to recalibrate by and keep their qualities:" none
        if (few) print few " read groups have fewer than 100 million observed bases, the fewest " least \
            " with " observed[least] ": their recalibrated qualities are rough"
    }' observed.tsv groups.txt > warnings.txt
while read -r sentence; do warn "$sample: $sentence"; done < warnings.txt

while IFS=$'\t' read -r observed group; do
    fact "observed_bases.${group//[^A-Za-z0-9._-]/_}" "$observed"
done < observed.tsv
fact observed_bases "$(awk -F '\t' '{ n += $1 } END { printf "%.0f", n }' observed.tsv)"
