#include "alignment_metrics.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "adapters.h"
#include "alignment_category.h"
#include "cigar.h"
#include "error.h"
#include "memory.h"
#include "pairs.h"

enum { GOOD_MAPPING = 20, GOOD_BASE = 20, MOST_INSERT = 100000, NO_CALL = 15 };

struct alignment_metrics {
    alignment_category categories[CATEGORIES];
    adapters *adapters;
};

alignment_metrics *new_alignment_metrics(void)
{
    alignment_metrics *metrics = allocate(1, sizeof *metrics);
    metrics->adapters = new_adapters();
    return metrics;
}

void alignment_metrics_free(alignment_metrics *metrics)
{
    for (int i = 0; i < CATEGORIES; i++)
        category_free(&metrics->categories[i]);
    adapters_free(metrics->adapters);
    free(metrics);
}

static bool has_both_mapped(const bam1_t *record)
{
    return record->core.flag & BAM_FPAIRED && !(record->core.flag & (BAM_FUNMAP | BAM_FMUNMAP));
}

/* A whole number in a tag, or `otherwise`. */
static int64_t number_of_tag(const bam1_t *record, const char *tag, int64_t otherwise)
{
    const uint8_t *value = bam_aux_get(record, tag);
    return value && strchr("cCsSiI", *value) ? bam_aux2i(value) : otherwise;
}

/* Counts reads that come from two places: pairs too far apart or in another direction, and split reads. */
static void count_chimera(alignment_category *category, const bam1_t *record)
{
    bool good = record->core.qual >= GOOD_MAPPING, split = bam_aux_get(record, "SA");
    if (!has_both_mapped(record)) {
        category->chimera_candidates += good;
        category->chimeras += good && split;
        return;
    }
    bool mate_known = bam_aux_get(record, "MQ");
    category->aligned_in_pairs++;
    if (mate_known && !(good && number_of_tag(record, "MQ", 0) >= GOOD_MAPPING))
        return;
    category->chimera_candidates++;
    category->chimeras += split || llabs((long long)record->core.isize) > MOST_INSERT ||
                          record->core.tid != record->core.mtid || pair_orientation(record) != FORWARD_REVERSE;
}

/* The bases that are clipped softly at the end that was read last. */
static int64_t soft_clip_of_3_prime_end(const bam1_t *record)
{
    const uint32_t *operations = bam_get_cigar(record);
    int64_t clipped = 0;
    bool inside = false;
    int count = record->core.n_cigar;
    for (int i = 0; i < count; i++) {
        uint32_t element = operations[bam_is_rev(record) ? count - 1 - i : i];
        int operation = bam_cigar_op(element);
        if (!is_clip(operation))
            inside = true;
        else if (inside && operation == BAM_CSOFT_CLIP)
            clipped += bam_cigar_oplen(element);
    }
    return clipped;
}

static int64_t sum_of_operation(const bam1_t *record, int operation)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < record->core.n_cigar; i++)
        if ((int)bam_cigar_op(bam_get_cigar(record)[i]) == operation)
            sum += bam_cigar_oplen(bam_get_cigar(record)[i]);
    return sum;
}

static void count_aligned_read(alignment_category *category, const bam1_t *record)
{
    int64_t clipped = soft_clip_of_3_prime_end(record);
    category->soft_clipped += sum_of_operation(record, BAM_CSOFT_CLIP);
    category->soft_clipped_3_prime += clipped;
    category->reads_soft_clipped_3_prime += clipped > 0;
    category->aligned++;
    category->improper += record->core.flag & BAM_FPAIRED && !(record->core.flag & BAM_FPROPER_PAIR);
    category->forward += !bam_is_rev(record);
    count_chimera(category, record);
}

static void count_read(alignment_category *category, const bam1_t *record, bool adapter)
{
    category->total++;
    if (record->core.flag & BAM_FQCFAIL)
        return;
    int64_t in_cigar = bam_cigar2qlen(record->core.n_cigar, bam_get_cigar(record));
    category->passing++;
    category->noise += number_of_tag(record, "XN", 0) == 1;
    category->adapters += adapter;
    category->hard_clipped += sum_of_operation(record, BAM_CHARD_CLIP);
    count_value(&category->lengths, record->core.l_qseq);
    count_value(&category->aligned_lengths, (record->core.n_cigar ? in_cigar : 0) -
                                                sum_of_operation(record, BAM_CSOFT_CLIP));
    if (!(record->core.flag & BAM_FUNMAP))
        count_aligned_read(category, record);
}

/* Picard counts a block's cycles from the block's start. */
static void count_bad_cycle(alignment_category *category, const bam1_t *record, int offset)
{
    count_value(&category->bad_cycles, bam_is_rev(record) ? record->core.l_qseq - offset : offset + 1);
}

static void count_no_calls(alignment_category *category, const bam1_t *record)
{
    for (int i = 0; i < record->core.l_qseq; i++)
        if (bam_seqi(bam_get_seq(record), i) == NO_CALL)
            count_bad_cycle(category, record, i);
}

/* Counts the bases of an aligned block; returns its mismatches. */
static int64_t count_block(alignment_category *category, const bam1_t *record, int from, int length, const char *bases)
{
    const uint8_t *sequence = bam_get_seq(record), *qualities = bam_get_qual(record);
    bool good = record->core.qual >= GOOD_MAPPING;
    int64_t mismatches = 0, good_bases = 0;
    for (int i = 0; i < length; i++) {
        int base = bam_seqi(sequence, from + i);
        bool mismatch = base != seq_nt16_table[(unsigned char)bases[i]];
        mismatches += mismatch;
        good_bases += qualities[from + i] >= GOOD_BASE;
        if (mismatch || base == NO_CALL)
            count_bad_cycle(category, record, i);
    }
    category->aligned_bases += length;
    if (good) {
        category->good_aligned_bases += length;
        category->good_q20_bases += good_bases;
    }
    return mismatches;
}

static void count_bases(alignment_category *category, const bam1_t *record, const char *bases, int64_t contig_length)
{
    if (record->core.tid < 0 || record->core.pos < 0)
        fail("record %s is mapped, and has no place: correct or remove it", bam_get_qname(record));
    if (bam_cigar2qlen(record->core.n_cigar, bam_get_cigar(record)) > record->core.l_qseq)
        fail("record %s has %d bases and a longer CIGAR: correct or remove it", bam_get_qname(record),
             record->core.l_qseq);
    bool good = record->core.qual >= GOOD_MAPPING;
    if (good && record->core.l_qseq && bam_get_qual(record)[0] == 0xff)
        fail("record %s has no qualities: remove it", bam_get_qname(record));
    int64_t position = record->core.pos, mismatches = 0;
    int at = 0;
    for (uint32_t i = 0; i < record->core.n_cigar; i++) {
        uint32_t element = bam_get_cigar(record)[i];
        int length = bam_cigar_oplen(element), type = bam_cigar_type(bam_cigar_op(element));
        if (type == 3 && position < contig_length) {
            int64_t left = contig_length - position;
            mismatches += count_block(category, record, at, left < length ? (int)left : length, bases + position);
        }
        category->indels += bam_cigar_op(element) == BAM_CINS || bam_cigar_op(element) == BAM_CDEL;
        at += type & 1 ? length : 0;
        position += type & 2 ? length : 0;
    }
    category->good_reads += good;
    category->mismatches += mismatches;
    category->good_mismatches += good ? mismatches : 0;
    count_value(&category->good_mismatch_counts, good ? mismatches : 0);
}

static void collect(alignment_category *category, const bam1_t *record, bool adapter, const char *bases, int64_t length)
{
    count_read(category, record, adapter);
    if (record->core.flag & (BAM_FUNMAP | BAM_FQCFAIL))
        count_no_calls(category, record);
    else
        count_bases(category, record, bases, length);
}

void collect_alignment(alignment_metrics *metrics, const bam1_t *record, const char *bases, int64_t contig_length)
{
    int flag = record->core.flag;
    if (flag & (BAM_FSECONDARY | BAM_FSUPPLEMENTARY))
        return;
    bool adapter = is_adapter(metrics->adapters, record);
    int category = !(flag & BAM_FPAIRED) ? UNPAIRED : flag & BAM_FREAD1 ? FIRST_OF_PAIR : SECOND_OF_PAIR;
    collect(&metrics->categories[category], record, adapter, bases, contig_length);
    if (flag & BAM_FPAIRED)
        collect(&metrics->categories[PAIR], record, adapter, bases, contig_length);
}

void write_alignment_metrics(alignment_metrics *metrics, const char *name, const char *input)
{
    write_categories(metrics->categories, name, input);
}
