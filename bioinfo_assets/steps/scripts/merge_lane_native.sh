# Merges a lane in a folder of its own, with the fastest compression, because these files are read once.
merge_lane() ( # number of the lane
    mkdir "lane.$1"
    ln -s "../${reads1[$1]}" "../${reads2[$1]}" "lane.$1"
    cd "lane.$1"
    engine merge -1 merged.1.gz -2 merged.2.gz -@ 2 -- \
        "${reads1[$1]}" "${reads2[$1]}" "${names1[$1]}" "${names2[$1]}" "${groups[$1]}" > counts.tsv
    awk -F '\t' '$1 == "pairs" { print $NF }' counts.tsv > pairs
    awk -F '\t' '$1 == "lanes" { n = $NF } END { print n + 0 }' counts.tsv > lanes
)
