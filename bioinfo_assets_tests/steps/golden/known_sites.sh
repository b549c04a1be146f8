names=(mills.vcf.gz)
vcfs=(mills.vcf.gz)

# The 28 bytes at the end of every complete BGZF file (SAM specification, section 4.1.2).
end_of_bgzf=1f8b08040000000000ff0600424302001b0003000000000000000000
hex() { od -An -v -tx1 | tr -d ' \n'; }

cut -f 1 contigs.fai > contigs.txt

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
