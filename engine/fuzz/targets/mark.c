/* Reads that are grouped by name. */
#include "harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    write_file("input", data, size);
    RUN(mark, "-i", "input", "-s", "made.set", "-m", "metrics", "-M", "1", "-T", ".");
    return 0;
}
