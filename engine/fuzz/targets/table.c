/* Sorted reads that are counted. */
#include "harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    write_file("input", data, size);
    RUN(table, "-i", "input", "-r", "genome.fa", "-k", "sites0.vcf.gz", "-o", "made.table");
    return 0;
}
