/* Sorted reads that are recalibrated. */
#include "harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    write_file("input", data, size);
    RUN(apply, "-i", "input", "-t", "reads.table", "-o", "made.bam", "-q", "10", "-q", "30");
    return 0;
}
