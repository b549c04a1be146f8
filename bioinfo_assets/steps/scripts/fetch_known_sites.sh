# The 28 bytes with which a whole BGZF file ends (SAM specification, section 4.1.2).
end_of_bgzf=1f8b08040000000000ff0600424302001b0003000000000000000000
hex() { od -An -v -tx1 | tr -d ' \n'; }

fetch() { # number, name of the source, local name of the VCF, whether an index comes with it
    local source=sites.$1 name=$2 vcf=$3 indexed=$4
    [[ -s $source ]] || fail "$name is empty: give known sites as VCF"
    case $(head -c 16 "$source" | hex) in
    1f8b0804????????????????4243*)
        gzip -t "$source" && [[ $(tail -c 28 "$source" | hex) == "$end_of_bgzf" ]] || fail "$name is cut short or damaged: fetch it again"
        cp "$source" "$vcf"
        ;;
    1f8b*) fail "$name is plain gzip, which cannot be indexed: make it anew with gzip -dc FILE | bgzip > NEW_FILE" ;;
    *) bgzip -c -@ "$JOB_CPUS" "$source" > "$vcf" ;;
    esac
    # No pipe into head: under pipefail its early end would look like a failure.
    [[ $(gzip -dc "$vcf" 2> /dev/null | head -c 16 || true) == '##fileformat=VCF' ]] || fail "$name is not VCF, it does not begin with ##fileformat=VCF: give known sites as VCF"
    if [[ $indexed == yes ]]; then
        cp "$source.tbi" "$vcf.tbi"
        # The index must not look older than the file.
        touch "$vcf.tbi"
    else
        tabix -p vcf "$vcf" || fail "$name cannot be indexed: sort its records by contig and position"
    fi
    tabix -l "$vcf" > contigs.txt || fail "the .tbi of $name is not its index: leave it out, and one is made"
}

# The contigs of a VCF must be of the reference's build: some by name, and those of equal length. It may have others.
require_contigs() { # name of the source, local name of the VCF
    # From the index, the contigs that have records; from the header, what it says of lengths.
    tabix -H "$2" | sed -nE 's/^##contig=<(.*,)?ID=([^,>]+),(.*,)?length=([0-9]+).*/\2\t\4/p' > lengths.tsv
    awk -F '\t' -v OFS='\t' '
        FILENAME == "reference.fai" { of_reference[$1] = $2; if (FNR == 1) first = $1; next }
        FILENAME == "lengths.tsv" { if ($1 in of_reference && of_reference[$1] != $2) {
            print "another length of " $1 ", " $2 " and not " of_reference[$1]; exit }; next }
        { if ($1 in of_reference) shared++; else other = $1 }
        END { if (other != "" && !shared) print "contigs such as " other " and none such as " first }
    ' reference.fai lengths.tsv contigs.txt > problem.txt
    [[ ! -s problem.txt ]] || fail "$1 is for another reference, it has $(< problem.txt): give known sites of the reference's build"
}

for number in "${!names[@]}"; do
    fetch "$number" "${names[number]}" "${vcfs[number]}" "${indexed[number]}"
    require_contigs "${names[number]}" "${vcfs[number]}"
done
