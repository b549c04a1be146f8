#include "adapters.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

enum { PIECE = 16, MOST_ERRORS = 1 };

/* Illumina's single-end, paired-end (both) and indexed adapters (Picard's IlluminaUtil, MIT licence). */
static const char *const SEQUENCES[] = {
    "AATGATACGGCGACCACCGAGATCTACACTCTTTCCCTACACGACGCTCTTCCGATCT",
    "AGATCGGAAGAGCTCGTATGCCGTCTTCTGCTTG",
    "AGATCGGAAGAGCGGTTCAGCAGGAATGCCGAGACCGATCTCGTATGCCGTCTTCTGCTTG",
    "AGATCGGAAGAGCACACGTCTGAACTCCAGTCACNNNNNNNNATCTCGTATGCCGTCTTCTGCTTG",
};

/* Bases as in a BAM. */
typedef struct {
    uint8_t bases[PIECE];
} piece;

struct adapters {
    piece *pieces;
    size_t count, capacity;
};

/* The complements of a BAM's bases, of which each bit stands for one of A, C, G, T. */
static uint8_t complement(uint8_t base)
{
    return (uint8_t)((base & 1) << 3 | (base & 2) << 1 | (base & 4) >> 1 | (base & 8) >> 3);
}

static void add_piece(adapters *all, const char *sequence)
{
    piece forward, reverse;
    int unknown = 0;
    for (int i = 0; i < PIECE; i++) {
        forward.bases[i] = seq_nt16_table[(unsigned char)sequence[i]];
        reverse.bases[PIECE - 1 - i] = complement(forward.bases[i]);
        unknown += sequence[i] == 'N';
    }
    if (unknown > MOST_ERRORS)
        return;
    all->pieces = grow(all->pieces, &all->capacity, all->count + 2, sizeof *all->pieces);
    all->pieces[all->count++] = forward;
    all->pieces[all->count++] = reverse;
}

adapters *new_adapters(void)
{
    adapters *all = allocate(1, sizeof *all);
    for (size_t i = 0; i < sizeof SEQUENCES / sizeof *SEQUENCES; i++)
        for (size_t at = 0; at + PIECE <= strlen(SEQUENCES[i]); at++)
            add_piece(all, SEQUENCES[i] + at);
    return all;
}

void adapters_free(adapters *all)
{
    free(all->pieces);
    free(all);
}

static bool matches(const piece *adapter, const uint8_t start[PIECE])
{
    int errors = 0;
    for (int i = 0; i < PIECE && errors <= MOST_ERRORS; i++)
        errors += adapter->bases[i] != start[i];
    return errors <= MOST_ERRORS;
}

/* The bases that were read first, in the direction of sequencing. */
static void first_bases(const bam1_t *record, uint8_t start[PIECE])
{
    const uint8_t *sequence = bam_get_seq(record);
    bool reverse = !(record->core.flag & BAM_FUNMAP) && bam_is_rev(record);
    for (int i = 0; i < PIECE; i++) {
        uint8_t base = bam_seqi(sequence, reverse ? record->core.l_qseq - 1 - i : i);
        start[i] = reverse ? complement(base) : base;
    }
}

bool is_adapter(const adapters *all, const bam1_t *record)
{
    uint8_t start[PIECE];
    bool placed = !(record->core.flag & BAM_FUNMAP) && record->core.qual != 0;
    if (placed || record->core.l_qseq < PIECE)
        return false;
    first_bases(record, start);
    for (size_t i = 0; i < all->count; i++)
        if (matches(&all->pieces[i], start))
            return true;
    return false;
}
