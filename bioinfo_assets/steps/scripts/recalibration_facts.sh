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
