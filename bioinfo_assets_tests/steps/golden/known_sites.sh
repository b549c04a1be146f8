names=(mills.vcf.gz)
vcfs=(mills.vcf.gz)

# The 28 bytes at the end of every complete BGZF file (SAM specification, section 4.1.2).
end_of_bgzf=1f8b08040000000000ff0600424302001b0003000000000000000000
hex() { od -An -v -tx1 | tr -d ' \n'; }

cut -f 1 contigs.fai > contigs.txt

# Prints what GATK does not read in a VCF, which it would find out hours later.
find_unreadable() { # VCF
    gzip -dc "$1" | awk -F '\t' '
        /^#/ { next }
        { problem = "" }
        NF < 8 { problem = NF " columns in place of 8" }
        $4 !~ /^[ACGTNacgtn]+$/ { problem = "the REF " $4 }
        $5 !~ /^[ACGTNacgtn,]+$/ {
            count = split($5, alleles, ",")
            for (i = 1; i <= count; i++)
                if (alleles[i] !~ /^([ACGTNacgtn]+|[.*]|<.+>|.*[][.].*)$/) problem = "the ALT " alleles[i]
        }
        $8 ~ / / { problem = "a blank in its INFO" }
        match($8, /(^|;)END=[0-9]+/) {
            end = substr($8, RSTART, RLENGTH)
            sub(/.*=/, "", end)
            if (end + 0 < $2 + 0) problem = "the END " end " before its position"
        }
        problem && !found++ { print $1 ":" $2 " has " problem }'
}

fetch() { # number, name of the source, local name of the VCF
    local source=sites.$1 name=$2 vcf=$3
    [[ -s $source ]] || fail "$name is empty: give known sites as VCF"
    [[ $(head -c 14 "$source" | hex) == 1f8b0804????????????????4243 ]] ||
        fail "$name is not compressed with bgzip: uncompress it, and compress it again with bgzip"
    gzip -t "$source" && [[ $(tail -c 28 "$source" | hex) == "$end_of_bgzf" ]] ||
        fail "$name is truncated or damaged: copy it again from its source"
    cp "$source" "$vcf"
    # head stops gzip early, which would be a failure with pipefail.
    [[ $(gzip -dc "$vcf" 2> /dev/null | head -c 16 || true) == '##fileformat=VCF' ]] ||
        fail "$name is not VCF, it does not begin with ##fileformat=VCF: give known sites as VCF"
    problem=$(find_unreadable "$vcf")
    [[ -z $problem ]] || fail "$name cannot be read by GATK, its record at $problem: correct or remove such records"
    # Always a new index: one of an older or another file would hide sites silently.
    tabix -f -p vcf "$vcf" || fail "$name cannot be indexed: sort its records by contig and position"
    # The header may have the reference's contigs, and the records others.
    tabix -l "$vcf" > "$vcf.contigs"
    grep -qxFf contigs.txt "$vcf.contigs" ||
        fail "$name has no record on a contig of the reference: take sites of the reference's assembly"
}

for number in "${!names[@]}"; do
    fetch "$number" "${names[number]}" "${vcfs[number]}"
done
