sample=expt
reads1=expt.1.fastq.gz
reads2=expt.2.fastq.gz
trimmed1=expt.cutadapt.1.fastq.gz
trimmed2=expt.cutadapt.2.fastq.gz
log=expt.cutadapt.log
report=expt.cutadapt.json
options=(--pair-filter=any --max-n 0.1 -m 20 --nextseq-trim 20 -g file:five_prime.1.fa)
adapter_files=(five_prime.1.fa)
adapter_names=(a.fa)

for number in "${!adapter_files[@]}"; do
    [[ $(head -c 1 "${adapter_files[number]}") == '>' ]] ||
        fail "the adapter file ${adapter_names[number]} is not FASTA: start each adapter with a line >NAME"
done

# Without tee, whose exit status would hide cutadapt's.
cutadapt -j "$JOB_CPUS" "${options[@]}" --json "$report" -o "$trimmed1" -p "$trimmed2" "$reads1" "$reads2" > "$log"
cat "$log"

pairs() { awk -v key="\"$1\":" '/"read_counts"/ { found = 1 } found && $1 == key { printf "%.0f\n", $2; exit }' "$report"; }
pairs_in=$(pairs input)
pairs_out=$(pairs output)
[[ $pairs_out -gt 0 ]] ||
    fail "none of the $pairs_in read pairs of $sample passed trimming: check its adapters, max_n and minimum_length"
fact pairs_in "$pairs_in"
fact pairs_out "$pairs_out"
