#include "reference.h"

#include <errno.h>
#include <htslib/faidx.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory.h"

struct reference {
    const char *name;
    faidx_t *index;
    const sam_hdr_t *header;
    int contig;
    char *bases;
    hts_pos_t length;
};

static void require_contigs(const reference *fasta, const bam_reader *reads)
{
    for (int i = 0; i < sam_hdr_nref(reads->header); i++) {
        const char *contig = sam_hdr_tid2name(reads->header, i);
        hts_pos_t expected = sam_hdr_tid2len(reads->header, i);
        if (!faidx_has_seq(fasta->index, contig))
            fail("%s is of another reference than %s, which has no contig %s: give the reference it was aligned to",
                 reads->name, fasta->name, contig);
        hts_pos_t found = faidx_seq_len(fasta->index, contig);
        if (found != expected)
            fail("%s is of another reference than %s: its contig %s has %lld bases, and not %lld: give the reference it "
                 "was aligned to",
                 reads->name, fasta->name, contig, (long long)expected, (long long)found);
    }
}

reference *open_reference(const char *name, const bam_reader *reads)
{
    reference *fasta = allocate(1, sizeof *fasta);
    fasta->name = name;
    fasta->index = fai_load3(name, NULL, NULL, 0);
    if (!fasta->index)
        fail("%s cannot be read as a FASTA with an index: check its name, and that %s.fai is there (samtools faidx)",
             name, name);
    fasta->header = reads->header;
    fasta->contig = -1;
    require_contigs(fasta, reads);
    return fasta;
}

void close_reference(reference *fasta)
{
    fai_destroy(fasta->index);
    free(fasta->bases);
    free(fasta);
}

const char *contig_bases(reference *fasta, int contig, int64_t *length)
{
    if (contig != fasta->contig) {
        free(fasta->bases);
        fasta->bases = NULL;
        fasta->contig = contig;
        fasta->length = 0;
        if (contig >= 0) {
            const char *name = sam_hdr_tid2name(fasta->header, contig);
            fasta->bases = faidx_fetch_seq64(fasta->index, name, 0, HTS_POS_MAX, &fasta->length);
            if (!fasta->bases || fasta->length != sam_hdr_tid2len(fasta->header, contig))
                fail("%s does not have the bases of contig %s that its index says: make the index again (samtools faidx)",
                     fasta->name, name);
            for (hts_pos_t i = 0; i < fasta->length; i++)
                if (fasta->bases[i] >= 'a' && fasta->bases[i] <= 'z')
                    fasta->bases[i] -= 'a' - 'A';
        }
    }
    *length = fasta->length;
    return fasta->bases;
}
