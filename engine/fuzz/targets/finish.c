/* The sorted stream of mark. */
#include "harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    write_file("input", data, size);
    RUN(finish, "-i", "input", "-s", "marked.set", "-r", "genome.fa", "-o", "made.bam");
    return 0;
}
