# Adds the M5s of the dictionary to the aligner's @SQ lines. bwa's -H could add these lines too, but it takes 40 s for
# 200,000 contigs, and its time grows with the square of their number.
export dictionary m5s='
    NR == FNR { for (i = 2; i <= NF; i++) { if ($i ~ /^SN:/) name = $i; if ($i ~ /^M5:/) m5[name] = $i }; next }
    /^@SQ/ { for (i = 2; i <= NF; i++) if ($i in m5) $0 = $0 OFS m5[$i] }
    { print }'
write_aligned() {
    samtools view -1 -@ "$JOB_CPUS" --no-PG - | # fast compression, because it is read once
        samtools reheader --no-PG --command 'awk -F "\t" -v OFS="\t" "$m5s" "$dictionary" -' - > "$aligned"
}
aligned_failed() { exit "$1"; }

# Sets the numbers of records, and fails for those without a read group.
count_records() {
    samtools flagstat -@ "$JOB_CPUS" -O tsv "$aligned" > flagstat.tsv
    records=$(flagstat 'total')
    primary=$(flagstat 'primary')
    mapped=$(flagstat 'primary mapped')
    paired=$(flagstat 'paired in sequencing')
    printf '%s\n' "${group_ids[@]}" > group_ids.txt
    grouped=$(samtools view -c -@ "$JOB_CPUS" -R group_ids.txt "$aligned")
    [[ $grouped -eq $records ]] ||
        fail "$((records - grouped)) of $records records of $sample have none of its read groups: merge its reads again"
}
flagstat() { awk -F '\t' -v row="$1" 'index($3, row) == 1 { printf "%.0f\n", $1 + $2; exit }' flagstat.tsv; }
