#include "insert_sizes.h"

#include <inttypes.h>
#include <stdlib.h>

#include "error.h"
#include "histogram.h"
#include "memory.h"
#include "metrics_file.h"
#include "output.h"
#include "pairs.h"

enum { WIDTHS = 11 };

static const double PORTIONS[WIDTHS] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99};
static const double LEAST_PORTION = 0.05; /* of all pairs: orientations with fewer are left out */
static const double DEVIATIONS = 10;      /* insert sizes farther from the median are outliers */
static const char *const NAMES[ORIENTATIONS] = {"FR", "RF", "TANDEM"};
static const char *const LABELS[ORIENTATIONS] = {"All_Reads.fr_count", "All_Reads.rf_count", "All_Reads.tandem_count"};

struct insert_sizes {
    histogram of[ORIENTATIONS];
};

insert_sizes *new_insert_sizes(void) { return allocate(1, sizeof(insert_sizes)); }

void insert_sizes_free(insert_sizes *sizes)
{
    for (int i = 0; i < ORIENTATIONS; i++)
        histogram_free(&sizes->of[i]);
    free(sizes);
}

/* The second read stands for its pair. */
void collect_insert_size(insert_sizes *sizes, const bam1_t *record)
{
    int excluded = BAM_FUNMAP | BAM_FMUNMAP | BAM_FREAD1 | BAM_FSECONDARY | BAM_FSUPPLEMENTARY | BAM_FDUP;
    if (!(record->core.flag & BAM_FPAIRED) || record->core.flag & excluded || !record->core.isize)
        return;
    if (record->core.tid != record->core.mtid)
        fail("record %s has an insert size, and its mate is on another contig: correct the record (samtools fixmate)",
             bam_get_qname(record));
    count_value(&sizes->of[pair_orientation(record)], llabs((long long)record->core.isize));
}

/* How wide the ranges around the median that hold each portion of the pairs are, from the nearest sizes to the farthest: sizes may
   be billions apart. */
static void measure_widths(const histogram *of, int64_t widths[WIDTHS])
{
    int64_t middle = (int64_t)histogram_median(of), covered = 0;
    size_t above = 0; /* the first size that is */
    while (above < of->bin_count && of->bins[above].value <= middle)
        above++;
    for (size_t i = 0, below = above; i < WIDTHS;) {
        int64_t left = below ? middle - of->bins[below - 1].value : INT64_MAX;
        int64_t right = above < of->bin_count ? of->bins[above].value - middle : INT64_MAX;
        int64_t distance = left < right ? left : right;
        if (left == distance)
            covered += of->bins[--below].count;
        if (right == distance)
            covered += of->bins[above++].count;
        for (; i < WIDTHS && (double)covered / (double)of->total >= PORTIONS[i]; i++)
            widths[i] = 2 * distance + 1;
    }
}

static void write_row(FILE *stream, histogram *of, int orientation)
{
    int64_t widths[WIDTHS], pairs = of->total, least = histogram_least(of), most = histogram_most(of);
    double median = histogram_median(of), deviation = histogram_median_deviation(of);
    int64_t mode = histogram_mode(of);
    measure_widths(of, widths);
    trim_histogram(of, (int64_t)(median + DEVIATIONS * deviation));
    write_metric(stream, median);
    fprintf(stream, "%" PRId64 "\t", mode);
    write_metric(stream, deviation);
    fprintf(stream, "%" PRId64 "\t%" PRId64 "\t", least, most);
    write_metric(stream, histogram_mean(of));
    write_metric(stream, histogram_deviation(of));
    fprintf(stream, "%" PRId64 "\t%s", pairs, NAMES[orientation]);
    for (int i = 0; i < WIDTHS; i++)
        fprintf(stream, "\t%" PRId64, widths[i]);
    fputs("\t\t\t\n", stream);
}

static void write_table(FILE *stream, insert_sizes *sizes, int64_t total, const char *input)
{
    const histogram *written[ORIENTATIONS];
    const char *labels[ORIENTATIONS];
    int count = 0;
    write_metrics_head(stream, "CollectInsertSizeMetrics", input, "InsertSizeMetrics");
    fputs("MEDIAN_INSERT_SIZE\tMODE_INSERT_SIZE\tMEDIAN_ABSOLUTE_DEVIATION\tMIN_INSERT_SIZE\tMAX_INSERT_SIZE\t"
          "MEAN_INSERT_SIZE\tSTANDARD_DEVIATION\tREAD_PAIRS\tPAIR_ORIENTATION\tWIDTH_OF_10_PERCENT\t"
          "WIDTH_OF_20_PERCENT\tWIDTH_OF_30_PERCENT\tWIDTH_OF_40_PERCENT\tWIDTH_OF_50_PERCENT\tWIDTH_OF_60_PERCENT\t"
          "WIDTH_OF_70_PERCENT\tWIDTH_OF_80_PERCENT\tWIDTH_OF_90_PERCENT\tWIDTH_OF_95_PERCENT\tWIDTH_OF_99_PERCENT\t"
          "SAMPLE\tLIBRARY\tREAD_GROUP\n",
          stream);
    for (int i = 0; i < ORIENTATIONS; i++) {
        if ((double)sizes->of[i].total < (double)total * LEAST_PORTION)
            continue;
        write_row(stream, &sizes->of[i], i);
        written[count] = &sizes->of[i];
        labels[count++] = LABELS[i];
    }
    fputc('\n', stream);
    write_histograms(stream, "insert_size", count, labels, written);
}

void write_insert_sizes(insert_sizes *sizes, const char *name, const char *input)
{
    FILE *stream = open_text(name);
    int64_t total = 0;
    for (int i = 0; i < ORIENTATIONS; i++) {
        sort_histogram(&sizes->of[i]);
        total += sizes->of[i].total;
    }
    if (total)
        write_table(stream, sizes, total, input);
    close_text(stream, name);
}
