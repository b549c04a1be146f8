# Without known sites, errors cannot be distinguished from variants: the qualities are not changed.
require_contigs "$marked" "$dictionary"
cp --reflink=auto "$marked" "$recalibrated"
cp "$marked.bai" "$recalibrated.bai"
touch "$recalibrated.bai"
md5sum "$recalibrated" | cut -c 1-32 | tr -d '\n' > "$recalibrated.md5"
require_intact "$recalibrated"
require_records "$recalibrated" "$(indexed_records "$recalibrated")" "$(indexed_records "$marked")"
fact recalibrated no
fact records "$(indexed_records "$recalibrated")"
