# No known sites: nothing to tell errors from variants by, so the qualities stay as the sequencer gave them.
require_contigs "$marked" "$dictionary"
cp --reflink=auto "$marked" "$recalibrated"
cp "$marked.bai" "$recalibrated.bai"
touch "$recalibrated.bai"
md5sum "$recalibrated" | cut -c 1-32 | tr -d '\n' > "$recalibrated.md5"
require_whole "$recalibrated"
require_records "$recalibrated" "$(indexed_records "$recalibrated")" "$(indexed_records "$marked")"
fact recalibrated no
fact records "$(indexed_records "$recalibrated")"
