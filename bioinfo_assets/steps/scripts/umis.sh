# Whether the first read of a BAM has a UMI at the end of its name, as an eighth field or after `_`; then there is a warning.
has_umis() { # BAM, sample
    local name
    name=$(samtools view "$1" 2> /dev/null | head -n 1 | cut -f 1 || true)
    [[ $name =~ ^([^:]+:){6}-?[0-9]+[:_][^:]+$ ]] || return
    warn "the reads of $2 have UMIs in their names, which are not used to distinguish duplicates"
}
