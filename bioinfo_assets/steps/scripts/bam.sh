# Records in an indexed BAM, told by its index. mawk's print would write 3e+09 for numbers from 2^31 on.
indexed_records() { samtools idxstats "$1" | awk '{ n += $3 + $4 } END { printf "%.0f\n", n }'; }

# Fails unless the BAM has its header and its end.
require_whole() { samtools quickcheck "$1" || fail "$1 was not written whole: run the step again"; }

# Fails unless a BAM that was made has as many records as the one it was made from.
require_records() {
    [[ $2 -eq $3 ]] || fail "$1 holds $2 records where its input holds $3: run the step again"
}
