sample=expt
marked=expt.mark_dup.bam
fasta=chr22.fa
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

JAVA_TOOL_OPTIONS=$(jvm 75)
export JAVA_TOOL_OPTIONS

records=$(indexed_records "$marked")

gatk BaseRecalibrator --input "$marked" --reference "$fasta" --output "$table" --use-original-qualities \
    "${known_sites[@]}"

# A read group without an observation is not in the table; its qualities stay.
gatk ApplyBQSR --input "$marked" --reference "$fasta" --bqsr-recal-file "$table" --output "$recalibrated" \
    --use-original-qualities "${quantized[@]}" --add-output-sam-program-record --create-output-bam-md5 \
    --create-output-bam-index false --allow-missing-read-group
samtools index -@ "$JOB_CPUS" "$recalibrated" "$recalibrated.bai"

require_whole "$recalibrated"
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
