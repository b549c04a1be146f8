# Each lane is read once: two gzip, read in step by awk; what awk writes goes to two bgzip that live for all lanes.

require_gzip() { # process, name
    local status=0
    wait "$1" || status=$?
    # 141: awk ended early, which says nothing of this file.
    [[ $status -eq 0 || $status -eq 141 ]] || fail "$2 is not a whole gzip file: fetch it again"
}

mkfifo lane.1 lane.2 merged.1 merged.2
bgzip -c -@ "$JOB_CPUS" < merged.1 > "$merged1" &
bgzip1=$!
bgzip -c -@ "$JOB_CPUS" < merged.2 > "$merged2" &
bgzip2=$!
# Held open, so that both bgzip live until the last lane is through.
exec 3> merged.1 4> merged.2

total=0
for lane in "${!groups[@]}"; do
    gzip -dc "${reads1[lane]}" > lane.1 3>&- 4>&- &
    gzip1=$!
    gzip -dc "${reads2[lane]}" > lane.2 3>&- 4>&- &
    gzip2=$!
    name1=${names1[lane]} name2=${names2[lane]} comment=${comments[lane]} awk "$pair_lanes" lane.1 3>&- 4>&-
    require_gzip "$gzip1" "${names1[lane]}"
    require_gzip "$gzip2" "${names2[lane]}"
    read -r kind text < verdict
    [[ $kind == pairs ]] || fail "$text"
    fact "pairs.${groups[lane]}" "$text"
    total=$((total + text))
done
exec 3>&- 4>&-
wait "$bgzip1"
wait "$bgzip2"
fact pairs "$total"
