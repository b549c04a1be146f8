/* A recalibration table. */
#include "harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    write_file("input", data, size);
    RUN(apply, "-w", "-i", "reads.bam", "-t", "input", "-o", "made.bam");
    return 0;
}
