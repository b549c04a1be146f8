/* The bases of a reference, one contig at a time. */
#ifndef CONTIG_BASES_H
#define CONTIG_BASES_H

#include <htslib/sam.h>
#include <stdint.h>

typedef struct {
    const char *name; /* of the FASTA */
    void *fasta;
    int32_t contig; /* the one whose bases are here, by its number in the header, or -1 */
    int64_t length;
    char *bases; /* upper case */
} contig_bases;

contig_bases *contig_bases_new(const char *fasta);

/* Loads a contig of a header, unless it is there. Fails if the FASTA has none of this name and length. */
void load_contig(contig_bases *reference, const sam_hdr_t *header, int32_t contig);
void contig_bases_free(contig_bases *reference);

#endif
