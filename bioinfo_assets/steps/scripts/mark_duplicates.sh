records=$(samtools view -c -@ "$JOB_CPUS" "$aligned")

# MarkDuplicates reads its input twice, so that must be a file. It goes by the aligner's order, in which all records of
# a read stand together: so supplementary records are flagged with their read. The sort holds everything back until
# MarkDuplicates has ended, so the two JVMs do not fill their heaps at one time.
JAVA_TOOL_OPTIONS=$(jvm 45) picard MarkDuplicates --INPUT "$aligned" --OUTPUT /dev/stdout --METRICS_FILE "$metrics" \
    --ASSUME_SORT_ORDER queryname --OPTICAL_DUPLICATE_PIXEL_DISTANCE "$optical_distance" \
    --VALIDATION_STRINGENCY SILENT --COMPRESSION_LEVEL 0 |
    samtools sort -u --no-PG -@ "$JOB_CPUS" -m "$((JOB_MEMORY_MIB / 5 / JOB_CPUS + 1))M" -T "$TMPDIR/sort" - |
    JAVA_TOOL_OPTIONS=$(jvm 20) picard SetNmMdAndUqTags --INPUT /dev/stdin --OUTPUT "$marked" \
        --REFERENCE_SEQUENCE "$fasta" --VALIDATION_STRINGENCY SILENT --CREATE_INDEX true --CREATE_MD5_FILE true
mv "${marked%.bam}.bai" "$marked.bai"

require_whole "$marked"
require_records "$marked" "$(indexed_records "$marked")" "$records"
[[ $(samtools view -H "$marked" | grep '^@HD') == *SO:coordinate* ]] || fail "$marked is not sorted: run the step again"
fact records "$records"
