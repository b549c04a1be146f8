/* Known sites of variation: VCFs compressed by bgzip with their indexes, one contig in memory at a time. */
#ifndef KNOWN_SITES_H
#define KNOWN_SITES_H

#include "bam_io.h"

/* Reference positions [start, end], 0-based and both inclusive. */
typedef struct {
    int32_t start, end; /* there may be tens of millions on a contig */
} site;

typedef struct known_sites known_sites;

/* Opens VCFs; fails unless their contigs fit those of a BAM's header. */
known_sites *open_known_sites(const char *const *names, int count, const bam_reader *reads);
void close_known_sites(known_sites *sites);

/* The sites of a contig in their order, overlapping ones joined, until another contig is asked for. */
const site *sites_of_contig(known_sites *sites, int contig, size_t *count);

#endif
