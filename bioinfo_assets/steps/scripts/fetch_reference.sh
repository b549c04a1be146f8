[[ -s source ]] || fail "$source_name is empty: give a reference genome as FASTA"
if [[ $(head -c 2 source | od -An -tx1) == ' 1f 8b' ]]; then
    status=0
    gzip -dc source > "$fasta" || status=$?
    # With 2, gzip has ignored what comes after its stream: trailing bytes, or the rest of a file that is damaged there.
    [[ $status -ne 2 ]] || fail "$source_name has bytes after its gzip stream: if it is complete without them, compress" \
        "it again with \`gzip -dc FILE | gzip > NEW\`, otherwise copy it again from its source"
    [[ $status -eq 0 ]] || fail "$source_name is not a complete gzip file: copy it again from its source"
else
    cp source "$fasta"
fi
[[ $(head -c 1 "$fasta") == '>' ]] ||
    fail "$source_name is not FASTA, it does not begin with '>': give a reference genome as FASTA"
grep -q '^[^>]' "$fasta" || fail "$source_name has names but no sequence: copy it again from its source"
fact sequences "$(grep -c '^>' "$fasta")"
