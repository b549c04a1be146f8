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
mosdepth --no-per-base --threads "$JOB_CPUS" "$sample" "$bam"
fact mean_depth "$(awk -F '\t' '$1 == "total" { print $4 }' "$sample.mosdepth.summary.txt")"
