fasta=chr22.fa
dictionary=chr22.dict
aligner=bwa-mem2
has_alt=yes

# Settings for a JVM that may use this share, in percent, of the job's memory as its heap.
jvm() { printf '%s' "-Xmx$((JOB_MEMORY_MIB * $1 / 100))m -XX:+UseSerialGC -Djava.io.tmpdir='$TMPDIR'"; }

samtools faidx "$fasta" ||
    fail "$fasta cannot be indexed: check that all lines of a sequence but its last are equally long"
contigs=$(wc -l < "$fasta.fai")
# samtools passes over the second of two sequences of one name.
[[ $contigs -eq $(grep -c '^>' "$fasta") ]] ||
    fail "$fasta has two sequences of one name: give each a name of its own, up to the first blank"

# A fixed UR, for Picard would write the scratch folder there.
JAVA_TOOL_OPTIONS=$(jvm 75) picard CreateSequenceDictionary --REFERENCE "$fasta" --OUTPUT "$dictionary" --URI "$fasta"

[[ -z $has_alt ]] || cp alternate_contigs "$fasta.alt"
"$aligner" index "$fasta"

fact contigs "$contigs"
fact bases "$(awk '{ n += $2 } END { printf "%.0f", n }' "$fasta.fai")"
