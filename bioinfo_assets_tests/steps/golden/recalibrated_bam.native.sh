sample=expt
marked=expt.mark_dup.bam
fasta=chr22.fa
dictionary=chr22.dict
known_sites=(-k mills.vcf.gz)
quantized=(-q 10 -q 20 -q 30)
table=expt.recalib.recal.table
recalibrated=expt.recalib.bam

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

require_contigs "$marked" "$dictionary"
records=$(indexed_records "$marked")

# Each thread has a contig in memory, whatever the number of CPUs.
engine table -i "$marked" -r "$fasta" "${known_sites[@]}" -o "$table" -@ "$((JOB_CPUS < 4 ? JOB_CPUS : 4))"
# It writes the index and the MD5 file too. A read group without observations keeps its qualities.
engine apply -i "$marked" -t "$table" -o "$recalibrated" "${quantized[@]}" -@ "$JOB_CPUS"

require_intact "$recalibrated"
require_contigs "$recalibrated" "$dictionary"
require_records "$recalibrated" "$(indexed_records "$recalibrated")" "$records"
fact recalibrated yes
fact records "$records"

# Rows of the table of read groups: name, event type, two qualities, observations, errors. A name may have blanks.
awk '/^#:GATKTable:RecalTable0:/ { start = NR }
    start && NR > start + 1 { if (NF < 6) exit; observed = $(NF - 1); NF -= 5; print observed "\t" $0 }' "$table" \
    > observed.tsv
# BQSR identifies a read group by its PU, or by its ID without PU.
samtools view -H "$marked" | awk -F '\t' '/^@RG/ {
    for (i = 2; i <= NF; i++) value[substr($i, 1, 2)] = substr($i, 4)
    print "PU" in value ? value["PU"] : value["ID"]; delete value }' | sort -u > groups.txt

# GATK's documentation of BQSR expects well over 100 million bases for a read group.
awk -F '\t' -v rounded="${#quantized[@]}" 'FILENAME == "observed.tsv" { observed[$2] = $1; next }
    !($1 in observed) { unobserved = unobserved " " $1; next }
    observed[$1] < 100e6 { few++; if (fewest == "" || observed[$1] < observed[fewest]) fewest = $1 }
    END {
        if (unobserved) print "these read groups have no observed bases, and their qualities are" \
            (rounded ? " only rounded" : " not changed") ":" unobserved
        if (few) print few " read groups have fewer than 100 million observed bases, the fewest " fewest \
            " with " observed[fewest] ": their recalibrated qualities are inaccurate"
    }' observed.tsv groups.txt > warnings.txt
while read -r warning; do warn "$sample: $warning"; done < warnings.txt

while IFS=$'\t' read -r observed group; do
    fact "observed_bases.${group//[^A-Za-z0-9._-]/_}" "$observed"
done < observed.tsv
fact observed_bases "$(awk -F '\t' '{ n += $1 } END { printf "%.0f", n }' observed.tsv)"
