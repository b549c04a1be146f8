bam=expt.recalib.bam
fasta=chr22.fa
dictionary=chr22.dict
embedded=''
cram=expt.recalib.cram

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
