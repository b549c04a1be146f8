sample=expt
reads1=expt.1.fastq.gz
reads2=expt.2.fastq.gz
report=expt.fastp.json
page=expt.fastp.html

# One worker: fastp 0.23 takes insert sizes from the reads of its first one only. Filters and trimming are switched off.
fastp --thread 1 --in1 "$reads1" --in2 "$reads2" --json "$report" --html "$page" --report_title "$sample" \
    --disable_adapter_trimming --disable_trim_poly_g --disable_quality_filtering --disable_length_filtering 2> fastp.log ||
    { cat fastp.log >&2; fail "fastp failed: its messages are in the log"; }
cat fastp.log >&2

# Where a file ends within a read or before the other one, fastp prints such a line and reports on what it has, with exit
# code 0. (The second is misspelt so.)
if grep -qE '^(ERROR|WARNNIG): ?' fastp.log; then
    fail "the two FASTQs of $sample are not whole, or differ in their numbers of reads: compute merged_reads again"
fi
fact pairs "$(awk '/"read1_before_filtering":/ { found = 1 }
    found && sub(/.*"total_reads": */, "") { printf "%.0f", $0; exit }' "$report")"
