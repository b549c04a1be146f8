# Each lane is read once, in a folder of its own: two gzip, read in step by awk, whose output goes to two bgzip. The
# lightest compression, for these files are read once: it takes a tenth of the time of the usual one.
merge_lane() ( # number of the lane
    mkdir "lane.$1"
    ln -s "../${reads1[$1]}" "../${reads2[$1]}" "lane.$1"
    cd "lane.$1"
    mkfifo read.1 read.2 merged.1 merged.2
    bgzip -c -l 1 < merged.1 > merged.1.gz & bgzip1=$!
    bgzip -c -l 1 < merged.2 > merged.2.gz & bgzip2=$!
    gzip -dc "${reads1[$1]}" > read.1 & gzip1=$!
    gzip -dc "${reads2[$1]}" > read.2 & gzip2=$!
    name1=${names1[$1]} name2=${names2[$1]} comment=${comments[$1]} awk "$pair_reads" read.1
    require_gzip "$gzip1" "${names1[$1]}"
    require_gzip "$gzip2" "${names2[$1]}"
    read -r kind text < verdict
    [[ $kind == pairs ]] || fail "$text"
    wait "$bgzip1"
    wait "$bgzip2"
    printf '%s\n' "$text" > pairs
)

require_gzip() { # process, name
    local status=0
    wait "$1" || status=$?
    # 141: awk ended early, which says nothing of this file.
    [[ $status -eq 0 || $status -eq 141 ]] || fail "$2 is not a whole gzip file: fetch it again"
}

# A lane keeps two CPUs busy.
at_once=$(((JOB_CPUS + 1) / 2))
processes=()
for lane in "${!groups[@]}"; do
    ((lane < at_once)) || wait "${processes[lane - at_once]}"
    merge_lane "$lane" &
    processes+=($!)
done

total=0
for lane in "${!groups[@]}"; do
    wait "${processes[lane]}"
    # One after the other, BGZF files are a BGZF file.
    cat "lane.$lane/merged.1.gz" >> "$merged1"
    cat "lane.$lane/merged.2.gz" >> "$merged2"
    rm "lane.$lane"/merged.*.gz
    lanes=$(< "lane.$lane/lanes")
    ((lanes < 2)) || warn "${names1[lane]} holds reads of $lanes lanes under one read group: split it by lane"
    pairs=$(< "lane.$lane/pairs")
    fact "pairs.${groups[lane]}" "$pairs"
    total=$((total + pairs))
done
fact pairs "$total"
