merged1=expt.1.fastq.gz
merged2=expt.2.fastq.gz
groups=(FC1.4 FC2.1)
comments=(RG:Z:FC1.4 RG:Z:FC2.1)
reads1=(expt.lane1.1.fastq.gz expt.lane2.1.fastq.gz)
reads2=(expt.lane1.2.fastq.gz expt.lane2.2.fastq.gz)
names1=(expt_FC1_L4_1.fastq.gz 'it'"'"'s_FC2_L1_1.fastq.gz')
names2=(expt_FC1_L4_2.fastq.gz 'it'"'"'s_FC2_L1_2.fastq.gz')
pair_reads='# Reads the two FASTQs of a lane record by record: the first as awk'"'"'s input, the second with getline. Writes both with the
# lane'"'"'s read group as the comment of every read. The file `outcome` gets one line, `pairs N` or `error MESSAGE`, and
# `lanes` gets the number of lanes of the reads. Names are passed in the environment, because awk interprets escapes in
# values of -v.
BEGIN {
    CONVFMT = OFMT = "%.0f" # without it mawk writes numbers from 2^31 as 3e+09
    name1 = ENVIRON["name1"]; name2 = ENVIRON["name2"]; comment = ENVIRON["comment"]
    second = "read.2"; out1 = "merged.1"; out2 = "merged.2"; outcome = "outcome"
    copy_again = ": copy it again from its source"
    copy_both_again = ": copy both again from their source"
    convert_lines = " has Windows line ends: rewrite it with `zcat FILE | tr -d '"'"'\\r'"'"' | gzip > NEW`"
}

function stop(message) { error = message; exit }
function check_name(name, file) {
    if (length(name) > 255) # with its @
        stop(file " has a read name of " length(name) - 1 " characters at line " NR ", and a BAM can hold 254:" \
            " shorten the names of its reads")
}
# Returns the bases with N for the dots of old files.
function bases(text, file) {
    if (text == "") stop(file " has a read without bases at line " NR ": remove such pairs with `cutadapt -m 1`")
    if (text ~ /[^A-Za-z]/) {
        if (text ~ /[^A-Za-z.]/)
            stop(file " has a character that is not a base at line " NR ": write unknown bases as N, or copy it again" \
                " from its source")
        gsub(/\./, "N", text)
    }
    return text
}
function check_qualities(text, file) {
    if (text ~ /[^!-~]/) stop(file " has a character that is not a quality at line " NR copy_again)
}
function stop_malformed(name) { stop(name " is not FASTQ at line " NR copy_again) }
function read_second() {
    if ((getline other < second) > 0 && (other != "" || NR % 4 != 1)) return
    if (NR % 4 == 1 && rest_is_blank())
        stop(name1 " has more reads than " name2 ", which ends after " (NR - 1) / 4 copy_both_again)
    if (NR % 4 == 1) stop_malformed(name2)
    stop(name2 " ends within a record, at line " (NR - 1) copy_again)
}
# Whether all lines left of the second file are blank.
function rest_is_blank() {
    while ((getline other < second) > 0) if (other != "") return 0
    return 1
}
# Counts a new lane of a flow cell, in names INSTRUMENT:RUN:FLOWCELL:LANE:TILE:X:Y, with or without a UMI.
function count_lane(name, field) {
    if (split(name, field, ":") < 7) return
    last = field[1] ":" field[2] ":" field[3] ":" field[4] ":"
    if (!((field[3], field[4]) in counted)) lanes++
    counted[field[3], field[4]]
}
function strip_read_number(name) { return substr(name, 1, length(name) - 2) }
# Both reads of a pair have the same name, or end in /1 and /2, or in .1 and .2 as the SRA writes them.
function pair_name(name, mate) {
    if (name == mate && name !~ /\/[12]$/) return name
    if (name ~ /[\/.]1$/ && mate ~ /[\/.]2$/ && strip_read_number(name) == strip_read_number(mate))
        return strip_read_number(name)
    stop(name1 " and " name2 " do not hold the same pairs: record " (NR + 3) / 4 " is " substr(name, 2) \
        " in the first and " substr(mate, 2) " in the second; give the files as the sequencer wrote them, or put both" \
        " in the same order")
}

# Blank lines may follow the last record.
blank && $0 != "" { NR = blank; stop_malformed(name1) }
blank { next }
NR % 4 == 1 && $0 == "" { blank = NR; next }

NR == 1 && /\r$/ { stop(name1 convert_lines) }

NR % 4 == 1 {
    if ($0 !~ /^@[^ \t]/) stop_malformed(name1)
    read_second()
    if (other !~ /^@[^ \t]/) stop_malformed(name2)
    if (NR == 1 && other ~ /\r$/) stop(name2 convert_lines)
    name = $1
    split(other, words)
    check_name($1, name1)
    check_name(words[1], name2)
    name = pair_name($1, words[1])
    if (NR == 1) count_lane(name)
    else if (last != "" && index(name, last) != 1) count_lane(name)
    print name "\t" comment > out1
    print name "\t" comment > out2
    next
}

NR % 4 == 2 {
    length1 = length($0)
    print bases($0, name1) > out1
    read_second()
    length2 = length(other)
    print bases(other, name2) > out2
    next
}

NR % 4 == 3 {
    if (substr($0, 1, 1) != "+") stop_malformed(name1)
    read_second()
    if (substr(other, 1, 1) != "+") stop_malformed(name2)
    print "+" > out1
    print "+" > out2
    next
}

{
    if (length($0) != length1) stop_malformed(name1)
    check_qualities($0, name1)
    read_second()
    if (length(other) != length2) stop_malformed(name2)
    check_qualities(other, name2)
    print > out1
    print other > out2
}

END {
    # The second file is opened even after an early error in the first, because its gzip blocks until it has a reader.
    more = !rest_is_blank()
    if (blank) NR = blank - 1
    if (!error && NR % 4) error = name1 " ends within a record, at line " NR copy_again
    if (!error && more) error = name2 " has more reads than " name1 ", which ends after " NR / 4 copy_both_again
    if (!error && !NR) error = name1 " and " name2 " hold no reads: leave this lane out"
    print (error ? "error " error : "pairs " NR / 4) > outcome
    print lanes + 0 > "lanes"
}
'

# Merges a lane in a folder of its own: two gzip, read in parallel by awk, which writes to two bgzip. The fastest
# compression takes a tenth of the time of the default, and these files are read once.
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
    read -r kind text < outcome
    [[ $kind == pairs ]] || fail "$text"
    wait "$bgzip1"
    wait "$bgzip2"
    printf '%s\n' "$text" > pairs
)

require_gzip() { # process, name
    local status=0
    wait "$1" || status=$?
    # With 2, gzip has ignored what comes after its stream: trailing bytes, or the rest of a file that is damaged there.
    [[ $status -ne 2 ]] || fail "$2 has bytes after its gzip stream: if it is complete without them, compress it again" \
        "with \`gzip -dc FILE | gzip > NEW\`, otherwise copy it again from its source"
    # 141 (SIGPIPE): awk ended early, which is no fault of this file.
    [[ $status -eq 0 || $status -eq 141 ]] || fail "$2 is not a complete gzip file: copy it again from its source"
}

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
