#include "read_filter.h"

bool is_placed(const bam1_t *record)
{
    return !(record->core.flag & BAM_FUNMAP) && record->core.tid >= 0 && record->core.pos >= 0;
}

static bool has_placed_cigar(const sam_hdr_t *header, const bam1_t *record)
{
    const bam1_core_t *core = &record->core;
    return core->n_cigar && bam_cigar2qlen(core->n_cigar, bam_get_cigar(record)) == core->l_qseq &&
           core->pos < sam_hdr_tid2len(header, core->tid);
}

static bool has_skip(const bam1_t *record)
{
    for (uint32_t i = 0; i < record->core.n_cigar; i++)
        if (bam_cigar_op(bam_get_cigar(record)[i]) == BAM_CREF_SKIP)
            return true;
    return false;
}

bool is_wellformed(const sam_hdr_t *header, const bam1_t *record)
{
    bool has_qualities = record->core.l_qseq && bam_get_qual(record)[0] != 0xff;
    return has_qualities && bam_aux_get(record, "RG") && !has_skip(record) &&
           (!is_placed(record) || has_placed_cigar(header, record));
}
