[[ -s source ]] || fail "$source_name is empty: give a reference genome as FASTA"
if [[ $(head -c 2 source | od -An -tx1) == ' 1f 8b' ]]; then
    gzip -dc source > "$fasta" || fail "$source_name is not a whole gzip file: fetch it again"
else
    cp source "$fasta"
fi
[[ $(head -c 1 "$fasta") == '>' ]] || fail "$source_name is not FASTA, it does not begin with '>': give a reference genome as FASTA"
sequences=$(grep -c '^>' "$fasta")
[[ -n $(head -n 2 "$fasta" | tail -n 1) && $(wc -l < "$fasta") -gt 0 ]] || fail "$source_name has a name but no sequence: fetch it again"
fact sequences "$sequences"
