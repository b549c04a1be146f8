# No network: without a FASTA, samtools would ask EBI's server for contigs by their M5.
export REF_PATH=$PWD/none REF_CACHE=

require_contigs "$bam" "$dictionary"
samtools view -H --no-PG "$bam" > header.sam
if [[ -z $embedded ]] && ! awk '/^@SQ/ && !/\tM5:/ { missing = 1 } END { exit missing }' header.sam; then
    fail "the header of $bam has contigs without M5, by which readers of a CRAM find the reference: set cram to embedded"
fi

format=cram,version=3.0,store_md=1,store_nm=1
reader=(-T "$fasta")
if [[ -n $embedded ]]; then
    format+=,embed_ref=1
    reader=()
fi

# samtools adds to each @SQ the path of the FASTA (UR), which is a folder of this job: the BAM's own header replaces that.
samtools view --no-PG -@ "$JOB_CPUS" -T "$fasta" --output-fmt "$format" "$bam" |
    samtools reheader --no-PG header.sam - | tee "$cram" | md5sum | cut -c 1-32 | tr -d '\n' > "$cram.md5"
samtools index -@ "$JOB_CPUS" "$cram"
require_intact "$cram"

samtools view -H --no-PG "${reader[@]}" "$cram" > decoded.sam
cmp -s header.sam decoded.sam || fail "the header of $cram differs from that of $bam: keep the BAM, set cram to off"

# Prints records with the RG tag last, where CRAM puts it, and writes their number to a file.
records() { # file for the number, arguments of samtools view
    # MD and NM as they are stored: by default, samtools computes them for records without.
    samtools view -@ "$JOB_CPUS" --input-fmt-option decode_md=0 "${@:2}" | awk -v count="$1" '
        match($0, /\tRG:Z:[^\t]*/) {
            $0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH) substr($0, RSTART, RLENGTH) }
        { print }
        END { printf "%.0f", NR > count }'
}

mkfifo of_bam.sam of_cram.sam
records bam.count "$bam" > of_bam.sam &
reading_bam=$!
records cram.count "${reader[@]}" "$cram" > of_cram.sam &
reading_cram=$!
difference=$(LC_ALL=C cmp of_bam.sam of_cram.sam 2>&1) ||
    fail "$cram, decoded, differs from $bam ($difference): keep the BAM, and set cram to off"
wait "$reading_bam"
wait "$reading_cram"
require_records "$bam" "$(< bam.count)" "$(indexed_records "$bam")"
require_records "$cram" "$(< cram.count)" "$(< bam.count)"
fact records "$(< cram.count)"
