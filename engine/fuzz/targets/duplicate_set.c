/* The set of duplicates that mark hands to finish. */
#include "harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    write_file("input", data, size);
    RUN(finish, "-i", "marked.bam", "-s", "input", "-r", "genome.fa", "-o", "made.bam");
    return 0;
}
