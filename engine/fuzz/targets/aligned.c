/* The aligner's stream. */
#include "harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    write_file("input", data, size);
    RUN(aligned, "-i", "input", "-d", "grouped.dict", "-o", "made.bam", "-c", "counts");
    return 0;
}
