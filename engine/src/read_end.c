#include "read_end.h"

#include "cigar.h"

enum { LOWEST_COUNTED_QUALITY = 15, HALF_OF_SHORT = 16383, DISCOUNT_OF_FAILED = -16384 };

static int64_t unclipped_start(const bam1_t *record)
{
    const uint32_t *cigar = bam_get_cigar(record);
    int64_t position = record->core.pos;
    for (uint32_t i = 0; i < record->core.n_cigar && is_clip(bam_cigar_op(cigar[i])); i++)
        position -= bam_cigar_oplen(cigar[i]);
    return position;
}

static int64_t unclipped_end(const bam1_t *record)
{
    const uint32_t *cigar = bam_get_cigar(record);
    int64_t position = record->core.pos + bam_cigar2rlen((int)record->core.n_cigar, cigar) - 1;
    for (uint32_t i = record->core.n_cigar; i > 0 && is_clip(bam_cigar_op(cigar[i - 1])); i--)
        position += bam_cigar_oplen(cigar[i - 1]);
    return position;
}

/* A number that orders places as (contig, position); positions may be negative because of clipped bases. */
static uint64_t place_number(int32_t contig, int64_t position)
{
    return (uint64_t)(uint32_t)(contig + 1) << 32 | (uint32_t)(position + (1LL << 30));
}

/* The sum of base qualities from 15, as htsjdk's DuplicateScoringStrategy has it: at most half of a short, and much less
   for reads that fail the vendor's checks. */
static int16_t score_of(const bam1_t *record)
{
    const uint8_t *qualities = bam_get_qual(record);
    int64_t sum = 0;
    for (int32_t i = 0; i < record->core.l_qseq; i++)
        if (qualities[i] >= LOWEST_COUNTED_QUALITY && qualities[i] <= INT8_MAX)
            sum += qualities[i];
    if (sum > HALF_OF_SHORT)
        sum = HALF_OF_SHORT;
    return (int16_t)(sum + (record->core.flag & BAM_FQCFAIL ? DISCOUNT_OF_FAILED : 0));
}

read_end end_of_record(const bam1_t *record, uint32_t template_number, uint16_t library, flow_cell_place place)
{
    bool reverse = bam_is_rev(record);
    int64_t position = reverse ? unclipped_end(record) : unclipped_start(record);
    return (read_end){
        .first = place_number(record->core.tid, position),
        .place = place,
        .template_number = template_number,
        .score = score_of(record),
        .library = library,
        .strands = reverse ? REVERSE : FORWARD,
        .paired = (record->core.flag & BAM_FPAIRED) && !(record->core.flag & BAM_FMUNMAP) && record->core.mtid >= 0,
    };
}

static uint8_t strands_of(const read_end *one, const read_end *other)
{
    if (one->strands == REVERSE)
        return other->strands == REVERSE ? REVERSE_REVERSE : REVERSE_FORWARD;
    return other->strands == REVERSE ? FORWARD_REVERSE : FORWARD_FORWARD;
}

read_end pair_of_ends(const read_end *earlier, const read_end *later, bool read1_last)
{
    bool in_order = later->first >= earlier->first;
    const read_end *lower = in_order ? earlier : later, *higher = in_order ? later : earlier;
    read_end pair = *earlier;
    pair.first = lower->first;
    pair.second = higher->first;
    pair.strands = strands_of(lower, higher);
    /* Without this, two ends at one place would depend on the order of their records. */
    if (pair.first == pair.second && pair.strands == REVERSE_FORWARD)
        pair.strands = FORWARD_REVERSE;
    pair.sequenced = read1_last ? strands_of(later, earlier) : strands_of(earlier, later);
    pair.score = (int16_t)(earlier->score + later->score);
    return pair;
}

read_end end_of_pair(const read_end *pair, bool higher)
{
    bool reverse = pair->strands == REVERSE_REVERSE || pair->strands == (higher ? FORWARD_REVERSE : REVERSE_FORWARD);
    read_end end = *pair;
    end.first = higher ? pair->second : pair->first;
    end.second = 0;
    end.strands = reverse ? REVERSE : FORWARD;
    end.paired = true;
    return end;
}

bool sorted_before(const read_end *one, const read_end *other)
{
    if (one->library != other->library)
        return one->library < other->library;
    if (one->first != other->first)
        return one->first < other->first;
    if (one->strands != other->strands)
        return one->strands < other->strands;
    if (one->second != other->second)
        return one->second < other->second;
    if (one->place.tile != other->place.tile)
        return one->place.tile < other->place.tile;
    if (one->place.x != other->place.x)
        return one->place.x < other->place.x;
    if (one->place.y != other->place.y)
        return one->place.y < other->place.y;
    return one->template_number < other->template_number;
}

bool same_ends(const read_end *one, const read_end *other)
{
    return one->library == other->library && one->first == other->first && one->strands == other->strands
        && one->second == other->second;
}
