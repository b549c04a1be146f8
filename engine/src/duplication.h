/* What MarkDuplicates counts, and its table. */
#ifndef DUPLICATION_H
#define DUPLICATION_H

#include <stddef.h>
#include <stdint.h>

#include "read_groups.h"

typedef struct {
    char *name;
    uint64_t unpaired, paired, secondary_or_supplementary, unmapped; /* records; paired ones are halved in the table */
    uint64_t unpaired_duplicates, pair_duplicates, optical_duplicates;
} library_counts;

/* How many sets of duplicate pairs have each size. */
typedef struct {
    uint64_t *sets;
    size_t capacity;
} set_sizes;

typedef struct {
    library_counts *libraries;
    size_t count, capacity;
    uint16_t *of_group; /* the library of each read group of the header */
    set_sizes all, optical, non_optical;
} duplication;

duplication *duplication_new(const read_groups *groups);

void count_set(set_sizes *sizes, size_t size);

/* Writes Picard's metrics file. input: the BAM that its first lines name. */
void write_duplication(const duplication *counts, const char *name, const char *input);
void duplication_free(duplication *counts);

#endif
