/* The reference: a FASTA with its .fai, one contig in memory at a time. */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "bam_io.h"

typedef struct reference reference;

/* Opens a FASTA, and fails unless it has each contig of a BAM's header with its length. */
reference *open_reference(const char *name, const bam_reader *reads);
void close_reference(reference *fasta);

/* The bases of a contig of that header in upper case, until another one is asked for; null for contig -1. */
const char *contig_bases(reference *fasta, int contig, int64_t *length);

#endif
