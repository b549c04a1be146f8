names=(mills.vcf.gz)
vcfs=(mills.vcf.gz)
indexed=(yes)

# The 28 bytes with which a whole BGZF file ends (SAM specification, section 4.1.2).
end_of_bgzf=1f8b08040000000000ff0600424302001b0003000000000000000000
hex() { od -An -v -tx1 | tr -d ' \n'; }

fetch() { # number, name of the source, local name of the VCF, whether an index comes with it
    local source=sites.$1 name=$2 vcf=$3 indexed=$4
    [[ -s $source ]] || fail "$name is empty: give known sites as VCF"
    [[ $(head -c 14 "$source" | hex) == 1f8b0804????????????????4243 ]] ||
        fail "$name is not compressed in blocks: uncompress it, and compress it again with bgzip"
    gzip -t "$source" && [[ $(tail -c 28 "$source" | hex) == "$end_of_bgzf" ]] ||
        fail "$name is cut short or damaged: fetch it again"
    cp "$source" "$vcf"
    # head ends gzip early, which pipefail would take for a failure.
    [[ $(gzip -dc "$vcf" 2> /dev/null | head -c 16 || true) == '##fileformat=VCF' ]] ||
        fail "$name is not VCF, it does not begin with ##fileformat=VCF: give known sites as VCF"
    if [[ $indexed == yes ]]; then
        cp "$source.tbi" "$vcf.tbi"
    else
        tabix -p vcf "$vcf" || fail "$name cannot be indexed: sort its records by contig and position"
    fi
    tabix -l "$vcf" > /dev/null || fail "the .tbi of $name is not its index: leave it out, and one is made"
}

for number in "${!names[@]}"; do
    fetch "$number" "${names[number]}" "${vcfs[number]}" "${indexed[number]}"
done
