require_contigs "$aligned" "$dictionary"
records=$(samtools view -c -@ "$JOB_CPUS" "$aligned")

# A soft-masked reference would give MD lower-case letters, and SAM tags (section 1) has upper-case ones. No offset
# changes, so the index is still valid.
LC_ALL=C awk '/^>/ { print; next } { print toupper($0) }' "$fasta" > upper_case.fa
cp "$fasta.fai" upper_case.fa.fai
cp "$dictionary" upper_case.dict

# For names with a UMI: Picard's own parser, which is faster, finds no coordinates in them. Other runs of the sample may have
# none.
name_regex=()
if has_umis "$aligned" "$sample"; then
    name_regex=(--READ_NAME_REGEX '[^:]+:[^:]+:[^:]+:[0-9]+:([0-9]+):(-?[0-9]+):(-?[0-9]+)(?:[:_][A-Za-z0-9+_-]+)?')
fi

# MarkDuplicates reads its input twice, so that must be a file. In the aligner's order all records of a read are
# adjacent, so supplementary records are flagged with their read. The sort writes nothing until MarkDuplicates has
# ended, so the two JVMs do not fill their heaps at the same time.
JAVA_TOOL_OPTIONS=$(jvm 45) picard MarkDuplicates --INPUT "$aligned" --OUTPUT /dev/stdout --METRICS_FILE "$metrics" \
    --ASSUME_SORT_ORDER queryname --OPTICAL_DUPLICATE_PIXEL_DISTANCE "$optical_distance" "${name_regex[@]}" \
    --ADD_PG_TAG_TO_READS false --VALIDATION_STRINGENCY SILENT --COMPRESSION_LEVEL 0 |
    link_programs - |
    samtools sort -u --no-PG -@ "$JOB_CPUS" -m "$((JOB_MEMORY_MIB / 5 / JOB_CPUS + 1))M" -T "$TMPDIR/sort" - |
    JAVA_TOOL_OPTIONS=$(jvm 20) picard SetNmMdAndUqTags --INPUT /dev/stdin --OUTPUT "$marked" \
        --REFERENCE_SEQUENCE upper_case.fa --VALIDATION_STRINGENCY SILENT --CREATE_INDEX true --CREATE_MD5_FILE true
rm upper_case.*
mv "${marked%.bam}.bai" "$marked.bai"
