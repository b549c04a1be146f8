/* A row of the table of Picard's CollectAlignmentSummaryMetrics. */
#ifndef ALIGNMENT_CATEGORY_H
#define ALIGNMENT_CATEGORY_H

#include "histogram.h"

/* In the order of the table. */
enum { FIRST_OF_PAIR, SECOND_OF_PAIR, PAIR, UNPAIRED, CATEGORIES };

/* Counts of reads and bases; "good" ones are mapped with a quality of 20 or more, "passing" ones are not QC-fail. */
typedef struct {
    int64_t total, passing, noise, adapters, aligned, aligned_in_pairs, improper, forward;
    int64_t chimeras, chimera_candidates;
    int64_t soft_clipped, soft_clipped_3_prime, reads_soft_clipped_3_prime, hard_clipped, indels;
    int64_t aligned_bases, mismatches, good_reads, good_aligned_bases, good_q20_bases, good_mismatches;
    histogram lengths, aligned_lengths, bad_cycles;
    histogram good_mismatch_counts; /* of each passing mapped read, 0 if its mapping is not good */
} alignment_category;

void category_free(alignment_category *category);
void write_categories(alignment_category categories[CATEGORIES], const char *name, const char *input);

#endif
