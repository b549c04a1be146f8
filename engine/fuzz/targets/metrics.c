/* Sorted reads whose metrics are collected. */
#include "harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    write_file("input", data, size);
    RUN(metrics, "-i", "input", "-r", "genome.fa", "-a", "alignment", "-s", "inserts");
    return 0;
}
