/* Picard's metrics file of MarkDuplicates: DuplicationMetrics, and htsjdk's MetricsFile, FormatUtil and Histogram. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duplication.h"
#include "memory.h"
#include "metrics_file.h"
#include "output.h"

enum { MOST_COVERAGE = 100, BISECTIONS = 40, TEN_MILLION = 10000000 };

/* What is left of the Lander-Waterman equation C/X = 1 - exp(-N/X) for a library of x molecules. */
static double lander_waterman(double x, double unique, double pairs)
{
    return unique / x - 1 + exp(-pairs / x);
}

/* The molecules of a library by its pairs and unique pairs, or -1 if there are no duplicates to tell. */
static int64_t library_size(int64_t pairs, int64_t unique)
{
    if (pairs <= 0 || pairs - unique <= 0)
        return -1;
    double low = 1, high = 100, c = (double)unique, n = (double)pairs;
    while (lander_waterman(high * c, c, n) > 0)
        high *= 10;
    for (int i = 0; i < BISECTIONS; i++) {
        double middle = (low + high) / 2, value = lander_waterman(middle * c, c, n);
        if (value == 0)
            break;
        *(value > 0 ? &low : &high) = middle;
    }
    return (int64_t)(c * (low + high) / 2);
}

typedef struct {
    int64_t pairs, duplicates, size; /* size: of the library, or -1 */
} library_summary;

static library_summary summary_of(const library_counts *library)
{
    library_summary summary = {.pairs = (int64_t)library->paired / 2, .duplicates = (int64_t)library->pair_duplicates};
    summary.size = library_size(summary.pairs - (int64_t)library->optical_duplicates,
                                summary.pairs - summary.duplicates);
    return summary;
}

static void write_library(FILE *stream, const library_counts *library)
{
    library_summary summary = summary_of(library);
    double examined = (double)library->unpaired + 2.0 * (double)summary.pairs;
    double duplicates = (double)library->unpaired_duplicates + 2.0 * (double)summary.duplicates;
    fprintf(stream, "%s\t%ju\t%jd\t%ju\t%ju\t%ju\t%jd\t%ju\t", library->name, (uintmax_t)library->unpaired,
            (intmax_t)summary.pairs, (uintmax_t)library->secondary_or_supplementary, (uintmax_t)library->unmapped,
            (uintmax_t)library->unpaired_duplicates, (intmax_t)summary.duplicates,
            (uintmax_t)library->optical_duplicates);
    write_metric(stream, ratio(duplicates, examined));
    if (summary.size >= 0)
        fprintf(stream, "%jd", (intmax_t)summary.size);
    fputc('\n', stream);
}

/* Unique pairs if the library were sequenced `times` as much, in multiples of what they are. */
static double expected_yield(const library_summary *summary, int times)
{
    double size = (double)summary->size;
    return size * (1 - exp(-((double)times * (double)summary->pairs) / size))
        / (double)(summary->pairs - summary->duplicates);
}

/* A number as Java prints a Double, in whose histogram it is. */
static void write_size(FILE *stream, int64_t size)
{
    char digits[24];
    if (size < TEN_MILLION) {
        fprintf(stream, "%jd.0", (intmax_t)size);
        return;
    }
    int count = snprintf(digits, sizeof digits, "%jd", (intmax_t)size), last = count - 1;
    while (last > 1 && digits[last] == '0')
        last--;
    fprintf(stream, "%c.%.*sE%d", digits[0], last, digits + 1, count - 1);
}

static void write_row(FILE *stream, const histogram *const *sizes, size_t *places, int64_t size, const library_summary *only)
{
    write_size(stream, size);
    if (only) {
        fputc('\t', stream);
        write_number(stream, size <= MOST_COVERAGE ? expected_yield(only, (int)size) : 0);
    }
    for (int i = 0; i < 3; i++)
        write_count_of(stream, sizes[i], &places[i], size);
    fputc('\n', stream);
}

static void write_set_sizes(FILE *stream, duplication *counts, const library_summary *only)
{
    const histogram *const sizes[] = {&counts->all, &counts->optical, &counts->non_optical};
    static const char *const LABELS[] = {"all_sets", "optical_sets", "non_optical_sets"};
    size_t places[3] = {0};
    int64_t last = 0, size = 0;
    if (!only && !counts->all.total)
        return;
    fprintf(stream, "## HISTOGRAM\tjava.lang.Double\n%s", only ? "BIN\tCoverageMult" : "set_size");
    sort_histogram(&counts->all);
    sort_histogram(&counts->optical);
    sort_histogram(&counts->non_optical);
    for (int i = 0; i < 3; i++)
        if (sizes[i]->total)
            fprintf(stream, "\t%s", LABELS[i]);
    fputc('\n', stream);
    for (;; last = size) {
        bool any = next_value(3, sizes, places, &size);
        if (only && last < MOST_COVERAGE && (!any || size > last + 1))
            size = last + 1; /* a row of the yield without sets of this size */
        else if (!any)
            break;
        write_row(stream, sizes, places, size, only);
    }
}

static int compare_names(const void *one, const void *other)
{
    return strcmp((*(library_counts *const *)one)->name, (*(library_counts *const *)other)->name);
}

/* In the order of the libraries' names. */
static void write_libraries(FILE *stream, const duplication *counts)
{
    const library_counts **sorted = allocate(counts->count, sizeof *sorted);
    for (size_t i = 0; i < counts->count; i++)
        sorted[i] = &counts->libraries[i];
    sort_array(sorted, counts->count, sizeof *sorted, compare_names);
    for (size_t i = 0; i < counts->count; i++)
        write_library(stream, sorted[i]);
    free(sorted);
}

void write_duplication(duplication *counts, const char *name, const char *input)
{
    FILE *stream = open_text(name);
    /* MultiQC takes the sample's name from this line. */
    fprintf(stream, "## htsjdk.samtools.metrics.StringHeader\n# MarkDuplicates --INPUT %s\n"
                    "## htsjdk.samtools.metrics.StringHeader\n"
                    "# by bioinfo-assets-engine " VERSION " with the method of Picard 3.4.0\n\n", input);
    if (counts->count)
        fputs("## METRICS CLASS\tpicard.sam.DuplicationMetrics\n"
              "LIBRARY\tUNPAIRED_READS_EXAMINED\tREAD_PAIRS_EXAMINED\tSECONDARY_OR_SUPPLEMENTARY_RDS\tUNMAPPED_READS\t"
              "UNPAIRED_READ_DUPLICATES\tREAD_PAIR_DUPLICATES\tREAD_PAIR_OPTICAL_DUPLICATES\tPERCENT_DUPLICATION\t"
              "ESTIMATED_LIBRARY_SIZE\n", stream);
    write_libraries(stream, counts);
    fputc('\n', stream);
    library_summary only = {.size = -1};
    if (counts->count == 1)
        only = summary_of(&counts->libraries[0]);
    write_set_sizes(stream, counts, only.size >= 0 ? &only : NULL);
    fputc('\n', stream);
    close_text(stream, name);
}
