#include "pairs.h"

int pair_orientation(const bam1_t *record)
{
    int reverse = bam_is_rev(record);
    if (reverse == bam_is_mrev(record))
        return TANDEM;
    int64_t forward_start = reverse ? record->core.mpos + 1 : record->core.pos + 1;
    int64_t reverse_end = reverse ? record->core.pos + bam_cigar2rlen(record->core.n_cigar, bam_get_cigar(record))
                                  : record->core.pos + 1 + record->core.isize;
    return forward_start < reverse_end ? FORWARD_REVERSE : REVERSE_FORWARD;
}
