#include "contig_bases.h"

#include <ctype.h>
#include <htslib/faidx.h>
#include <stdlib.h>

#include "error.h"
#include "memory.h"

contig_bases *contig_bases_new(const char *fasta)
{
    contig_bases *reference = allocate(1, sizeof *reference);
    reference->name = fasta;
    reference->contig = -1;
    reference->fasta = fai_load3(fasta, NULL, NULL, 0);
    if (!reference->fasta)
        fail("%s cannot be read with its index %s.fai: check both, or write the index with samtools faidx", fasta, fasta);
    return reference;
}

void load_contig(contig_bases *reference, const sam_hdr_t *header, int32_t contig)
{
    if (reference->contig == contig)
        return;
    const char *name = sam_hdr_tid2name(header, contig);
    int64_t length = sam_hdr_tid2len(header, contig);
    free(reference->bases);
    reference->bases = NULL;
    if (!name || !faidx_has_seq(reference->fasta, name) || faidx_seq_len(reference->fasta, name) != length)
        fail("%s has no contig %s of %lld bases: give the reference that the reads are aligned to", reference->name,
             name ? name : "?", (long long)length);
    hts_pos_t found = 0;
    reference->bases = faidx_fetch_seq64(reference->fasta, name, 0, length - 1, &found);
    if (!reference->bases || found != length)
        fail("contig %s cannot be read from %s: check that the file is whole and its index is of this file", name,
             reference->name);
    for (int64_t i = 0; i < length; i++)
        reference->bases[i] = (char)toupper((unsigned char)reference->bases[i]);
    reference->contig = contig;
    reference->length = length;
}

void contig_bases_free(contig_bases *reference)
{
    free(reference->bases);
    fai_destroy(reference->fasta);
    free(reference);
}
