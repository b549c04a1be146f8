sample=expt
bam=expt.recalib.bam
depth=expt.depth.txt.gz
plain_text=''

if [[ -n $plain_text ]]; then
    samtools depth -a -@ "$JOB_CPUS" "$bam" > "$depth"
else
    samtools depth -a -@ "$JOB_CPUS" "$bam" | bgzip -c -@ "$JOB_CPUS" > "$depth"
    tabix -s 1 -b 2 -e 2 "$depth"
fi
# By default mosdepth rounds fractions of the genome to hundredths.
export MOSDEPTH_PRECISION=6
mosdepth --no-per-base --threads "$JOB_CPUS" "$sample" "$bam"

# mosdepth's own mean is over the contigs with reads only.
genome_length=$(samtools view -H "$bam" | awk -F '\t' '/^@SQ/ {
    for (i = 2; i <= NF; i++) if ($i ~ /^LN:/) n += substr($i, 4) } END { printf "%.0f", n }')
fact genome_length "$genome_length"
fact mean_depth "$(awk -F '\t' -v length_="$genome_length" '$1 == "total" { printf "%.4f", $3 / length_ }' \
    "$sample.mosdepth.summary.txt")"
