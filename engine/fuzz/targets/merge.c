/* The two FASTQs of a lane, one half of the input each. */
#include "harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    write_file("input.1", data, size / 2);
    write_file("input.2", data + size / 2, size - size / 2);
    RUN(merge, "-1", "made.1", "-2", "made.2", "input.1", "input.2", "one", "two", "group");
    return 0;
}
