# Adds the M5s of the dictionary to the aligner's @SQ lines, counts the records, and fails for those without a read group.
write_aligned() {
    logged_engine aligned -i - -n "$sample" -d "$dictionary" -o "$aligned" -c counts.tsv -@ "$JOB_CPUS"
}
aligned_failed() { engine_failed aligned "$1"; }

# Sets the numbers of records.
count_records() {
    { read -r _ records && read -r _ primary && read -r _ mapped && read -r _ paired; } < counts.tsv
}
