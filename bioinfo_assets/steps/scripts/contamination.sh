JAVA_TOOL_OPTIONS=$(jvm 75)
export JAVA_TOOL_OPTIONS

# Without frequencies GATK ends with an exception; head stops gzip early, which would be a failure with pipefail.
[[ $(gzip -dc "$vcf" 2> /dev/null | head -c 16 || true) == '##fileformat=VCF' ]] ||
    fail "$source is not a bgzipped VCF: give common variants as .vcf.gz"
gzip -dc "$vcf" | awk '/^#CHROM/ { exit } /^##/' > header.txt || true # gzip has more to write
grep -q '^##INFO=<ID=AF,' header.txt ||
    fail "$source has no allele frequencies (INFO field AF): give variants that have, such as those of gnomAD"
tabix -f -p vcf "$vcf" || fail "$source cannot be indexed: compress it with bgzip, sorted by contig and position"

# Contigs of another length are those of another assembly; GATK's message on it is a page long.
samtools idxstats "$bam" | awk -F '\t' '$1 != "*" { print $1 "\t" $2 }' > contigs.tsv
difference=$(awk -F '\t' '
    NR == FNR { bases[$1] = $2; next }
    match($0, /^##contig=<.*/) {
        id = length_ = $0
        if (!sub(/.*[<,]ID=/, "", id) || !sub(/.*[<,]length=/, "", length_)) next
        sub(/[,>].*/, "", id)
        sub(/[,>].*/, "", length_)
        if (id in bases && bases[id] != length_ && !found++) print id " has " length_ " bases, and not " bases[id]
    }' contigs.tsv header.txt)
[[ -z $difference ]] || fail "$source is of another reference, where $difference: take variants of this one"
cut -f 1 contigs.tsv > contigs.txt
tabix -l "$vcf" > vcf.txt
grep -qxFf contigs.txt vcf.txt ||
    fail "$source has no record on a contig of the reference: take variants of the reference's assembly"

# GATK ends with an exception at an interval on a contig that the reference does not have.
gzip -dc "$vcf" | awk -F '\t' -v OFS='\t' '
    FILENAME == "contigs.txt" { known[$1]; next }
    !/^#/ && ($1 in known) { print $1, $2 - 1, $2 - 1 + length($4) }' contigs.txt - > sites.bed
gatk GetPileupSummaries --input "$bam" --variant "$vcf" --intervals sites.bed --output "$pileups"
gatk CalculateContamination --input "$pileups" --output "$table"

# Columns: contig, position, reads with the reference's allele, with the other one, with a third one, frequency.
awk -F '\t' '
    /^#/ || $1 == "contig" || $3 + $4 < 10 { next }
    { sites++; expected += 2 * $6 * (1 - $6); share = $4 / ($3 + $4); if (share > 0.1 && share < 0.9) found++ }
    END { printf "%d\t%s\n", sites, expected ? sprintf("%.4f", found / expected) : "" }' "$pileups" > figures.tsv
IFS=$'\t' read -r sites ratio < figures.tsv
fact sites "$sites"
[[ -z $ratio ]] || fact heterozygous_ratio "$ratio"
