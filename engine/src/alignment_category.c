#include "alignment_category.h"

#include <inttypes.h>
#include <stdio.h>

#include "error.h"
#include "metrics_file.h"
#include "output.h"

static const char *const NAMES[CATEGORIES] = {"FIRST_OF_PAIR", "SECOND_OF_PAIR", "PAIR", "UNPAIRED"};
static const double BAD = 0.8; /* a cycle is bad if this portion of the reads has no call or a mismatch there */

void category_free(alignment_category *category)
{
    histogram_free(&category->lengths);
    histogram_free(&category->aligned_lengths);
    histogram_free(&category->bad_cycles);
    histogram_free(&category->good_mismatch_counts);
}

static int64_t bad_cycles(const alignment_category *category)
{
    int64_t bad = 0;
    for (size_t i = 0; i < category->bad_cycles.bin_count && category->passing; i++)
        bad += (double)category->bad_cycles.bins[i].count / (double)category->total >= BAD;
    return bad;
}

static void write_count(FILE *stream, int64_t count) { fprintf(stream, "%" PRId64 "\t", count); }

static void write_alignment(FILE *stream, const alignment_category *of)
{
    write_count(stream, of->total);
    write_count(stream, of->passing);
    write_metric(stream, ratio(of->passing, of->total));
    write_count(stream, of->noise);
    write_count(stream, of->aligned);
    write_metric(stream, ratio(of->aligned, of->passing));
    write_count(stream, of->aligned_bases);
    write_count(stream, of->good_reads);
    write_count(stream, of->good_aligned_bases);
    write_count(stream, of->good_q20_bases);
    write_metric(stream, histogram_median(&of->good_mismatch_counts));
    write_metric(stream, ratio(of->mismatches, of->aligned_bases));
    write_metric(stream, ratio(of->good_mismatches, of->good_aligned_bases));
    write_metric(stream, ratio(of->indels, of->aligned_bases));
}

static void write_lengths(FILE *stream, const alignment_category *of)
{
    write_metric(stream, of->passing ? histogram_mean(&of->lengths) : 0);
    write_metric(stream, of->passing ? histogram_deviation(&of->lengths) : 0);
    write_metric(stream, histogram_median(&of->lengths));
    write_metric(stream, histogram_median_deviation(&of->lengths));
    write_count(stream, histogram_least(&of->lengths));
    write_count(stream, histogram_most(&of->lengths));
    write_metric(stream, of->passing ? histogram_mean(&of->aligned_lengths) : 0);
}

static void write_pairs_and_clips(FILE *stream, const alignment_category *of, int64_t bad)
{
    double bases = histogram_sum(&of->lengths);
    write_count(stream, of->aligned_in_pairs);
    write_metric(stream, ratio(of->aligned_in_pairs, of->aligned));
    write_count(stream, of->improper);
    write_metric(stream, ratio(of->improper, of->aligned));
    write_count(stream, bad);
    write_metric(stream, ratio(of->forward, of->aligned));
    write_metric(stream, ratio(of->chimeras, of->chimera_candidates));
    write_metric(stream, ratio(of->adapters, of->passing));
    write_metric(stream, ratio(of->soft_clipped, bases));
    write_metric(stream, ratio(of->hard_clipped, bases));
    write_metric(stream, ratio(of->soft_clipped_3_prime, of->reads_soft_clipped_3_prime));
}

static void write_rows(FILE *stream, const alignment_category categories[CATEGORIES])
{
    int64_t paired = categories[FIRST_OF_PAIR].total;
    for (int i = 0; i < CATEGORIES; i++) {
        const alignment_category *of = &categories[i];
        if (i == UNPAIRED ? paired && !of->total : !paired)
            continue;
        int64_t bad = i == PAIR ? bad_cycles(&categories[FIRST_OF_PAIR]) + bad_cycles(&categories[SECOND_OF_PAIR])
                                : bad_cycles(of);
        fprintf(stream, "%s\t", NAMES[i]);
        write_alignment(stream, of);
        write_lengths(stream, of);
        write_pairs_and_clips(stream, of, bad);
        fputs("\t\t\n", stream);
    }
    fputc('\n', stream);
}

/* As CollectAlignmentSummaryMetrics, which has no metrics for such reads. */
static void require_passing(const alignment_category categories[CATEGORIES], const char *input)
{
    for (int i = 0; i < CATEGORIES; i++)
        if (categories[i].total && !categories[i].passing)
            fail("%s has no %s read that passed the sequencer's quality filter (flag 0x200): check how it was made", input,
                 NAMES[i]);
}

static void sort_histograms(alignment_category categories[CATEGORIES])
{
    for (int i = 0; i < CATEGORIES; i++) {
        sort_histogram(&categories[i].lengths);
        sort_histogram(&categories[i].aligned_lengths);
        sort_histogram(&categories[i].bad_cycles);
        sort_histogram(&categories[i].good_mismatch_counts);
    }
}

void write_categories(alignment_category categories[CATEGORIES], const char *name, const char *input)
{
    static const char *const LABELS[] = {"PAIRED_TOTAL_LENGTH_COUNT", "PAIRED_ALIGNED_LENGTH_COUNT",
                                         "UNPAIRED_TOTAL_LENGTH_COUNT", "UNPAIRED_ALIGNED_LENGTH_COUNT"};
    const histogram *lengths[] = {&categories[PAIR].lengths, &categories[PAIR].aligned_lengths,
                                  &categories[UNPAIRED].lengths, &categories[UNPAIRED].aligned_lengths};
    require_passing(categories, input);
    FILE *stream = open_text(name);
    sort_histograms(categories);
    write_metrics_head(stream, "CollectAlignmentSummaryMetrics", input, "AlignmentSummaryMetrics");
    fputs("CATEGORY\tTOTAL_READS\tPF_READS\tPCT_PF_READS\tPF_NOISE_READS\tPF_READS_ALIGNED\tPCT_PF_READS_ALIGNED\t"
          "PF_ALIGNED_BASES\tPF_HQ_ALIGNED_READS\tPF_HQ_ALIGNED_BASES\tPF_HQ_ALIGNED_Q20_BASES\t"
          "PF_HQ_MEDIAN_MISMATCHES\tPF_MISMATCH_RATE\tPF_HQ_ERROR_RATE\tPF_INDEL_RATE\tMEAN_READ_LENGTH\t"
          "SD_READ_LENGTH\tMEDIAN_READ_LENGTH\tMAD_READ_LENGTH\tMIN_READ_LENGTH\tMAX_READ_LENGTH\t"
          "MEAN_ALIGNED_READ_LENGTH\tREADS_ALIGNED_IN_PAIRS\tPCT_READS_ALIGNED_IN_PAIRS\tPF_READS_IMPROPER_PAIRS\t"
          "PCT_PF_READS_IMPROPER_PAIRS\tBAD_CYCLES\tSTRAND_BALANCE\tPCT_CHIMERAS\tPCT_ADAPTER\tPCT_SOFTCLIP\t"
          "PCT_HARDCLIP\tAVG_POS_3PRIME_SOFTCLIP_LENGTH\tSAMPLE\tLIBRARY\tREAD_GROUP\n",
          stream);
    write_rows(stream, categories);
    write_histograms(stream, "READ_LENGTH", 4, LABELS, lengths);
    close_text(stream, name);
}
