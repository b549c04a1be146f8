/* What the fuzz targets share: an input as a file, and one run of a subcommand on it. Names are those of the working folder,
   in which bioinfo_assets_tests/engine/test_fuzz.py leaves what else a target reads. */
#ifndef HARNESS_H
#define HARNESS_H

#include <stddef.h>
#include <stdint.h>

#include "subcommands.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void write_file(const char *name, const uint8_t *data, size_t size);

/* Runs a subcommand until it returns or fails, and closes what it left open. */
void run_once(int (*run)(int, char **), int count, const char *const *words);

#define RUN(subcommand, ...)                                                                                             \
    do {                                                                                                                 \
        const char *const words[] = {#subcommand, __VA_ARGS__};                                                          \
        run_once(run_##subcommand, sizeof words / sizeof *words, words);                                                 \
    } while (0)

#endif
