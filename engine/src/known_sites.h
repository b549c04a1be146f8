/* Known sites of variation: VCFs compressed by bgzip with their indexes, read along a sorted BAM. */
#ifndef KNOWN_SITES_H
#define KNOWN_SITES_H

#include "bam_io.h"

/* Reference positions [start, end], 0-based and both inclusive. */
typedef struct {
    int32_t start, end;
} site;

typedef struct known_sites known_sites;

/* Opens VCFs; fails unless their contigs fit those of a BAM's header. */
known_sites *open_known_sites(const char *const *names, int count, const bam_reader *reads);
void close_known_sites(known_sites *sites);

/*
 * The sites of a contig that overlap [start, end), in their order, overlapping ones joined, and maybe some behind it. A
 * contig's records are asked for in their order: what lies before a record's start is dropped.
 */
const site *sites_around(known_sites *sites, int contig, int64_t start, int64_t end, size_t *count);

#endif
