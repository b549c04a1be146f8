merged1=expt.1.fastq.gz
merged2=expt.2.fastq.gz
groups=(FC1.4 FC2.1)
reads1=(expt.lane1.1.fastq.gz expt.lane2.1.fastq.gz)
reads2=(expt.lane1.2.fastq.gz expt.lane2.2.fastq.gz)
names1=(expt_FC1_L4_1.fastq.gz 'it'"'"'s_FC2_L1_1.fastq.gz')
names2=(expt_FC1_L4_2.fastq.gz 'it'"'"'s_FC2_L1_2.fastq.gz')

# The project's own program; what it reports as wrong is why the job fails.
engine() { logged_engine "$@" || engine_failed "$1" $?; }

logged_engine() { bioinfo-assets-engine "$@" 2> "engine.$1.log"; }

# Ends the job; a program that was killed has no sentence.
engine_failed() { # subcommand, exit code
    local reason
    reason=$(sed -n '$s/^bioinfo-assets-engine: //p' "engine.$1.log")
    [[ -z $reason ]] || fail "$reason"
    exit "$2"
}

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
