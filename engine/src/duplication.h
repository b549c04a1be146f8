/* What MarkDuplicates counts, and its table. */
#ifndef DUPLICATION_H
#define DUPLICATION_H

#include <stddef.h>
#include <stdint.h>

#include "histogram.h"
#include "read_groups.h"

typedef struct {
    char *name;
    uint64_t unpaired, paired, secondary_or_supplementary, unmapped; /* records; paired ones are halved in the table */
    uint64_t unpaired_duplicates, pair_duplicates, optical_duplicates;
} library_counts;

typedef struct {
    library_counts *libraries;
    size_t count, capacity;
    uint16_t *of_group; /* the library of each read group of the header */
    histogram all, optical, non_optical; /* sizes of sets of duplicate pairs */
} duplication;

duplication *duplication_new(const read_groups *groups);

/* Writes Picard's metrics file. input: the BAM that its first lines name. */
void write_duplication(duplication *counts, const char *name, const char *input);
void duplication_free(duplication *counts);

#endif
