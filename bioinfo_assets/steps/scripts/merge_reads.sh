# Moves a BGZF file to the end of another, whose empty block at its end is removed: some programs stop reading there
# (OpenGene/fastp#711). The first is not copied, so that a single lane, the largest there is, needs no more disk space for it.
append() { # file, other
    if [[ -e $2 ]]; then
        truncate -s -28 "$2"
        cat "$1" >> "$2"
        rm "$1"
    else
        mv "$1" "$2"
    fi
}

# A lane uses two CPUs.
max_concurrent_lanes=$(((JOB_CPUS + 1) / 2))
processes=()
for lane in "${!groups[@]}"; do
    ((lane < max_concurrent_lanes)) || wait "${processes[lane - max_concurrent_lanes]}"
    merge_lane "$lane" &
    processes+=($!)
done

total=0
for lane in "${!groups[@]}"; do
    wait "${processes[lane]}"
    append "lane.$lane/merged.1.gz" "$merged1"
    append "lane.$lane/merged.2.gz" "$merged2"
    lanes=$(< "lane.$lane/lanes")
    ((lanes < 2)) || warn "${names1[lane]} holds reads of $lanes lanes under one read group: split it by lane"
    pairs=$(< "lane.$lane/pairs")
    fact "pairs.${groups[lane]}" "$pairs"
    total=$((total + pairs))
done
fact pairs "$total"
