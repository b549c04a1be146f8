#include "histogram.h"

#include <htslib/khash.h>
#include <math.h>
#include <stdlib.h>

#include "error.h"
#include "memory.h"

KHASH_MAP_INIT_INT64(counts, int64_t)

void histogram_free(histogram *of)
{
    kh_destroy(counts, of->large);
    free(of->bins);
}

static void count_large(histogram *of, int64_t value)
{
    int state;
    if (!of->large)
        of->large = kh_init(counts);
    khash_t(counts) *large = of->large;
    khiter_t place = large ? kh_put(counts, large, value, &state) : 0;
    if (!large || state < 0)
        fail("there is no memory for a histogram: give the job more memory");
    if (state)
        kh_val(large, place) = 0;
    kh_val(large, place)++;
}

void count_value(histogram *of, int64_t value)
{
    of->total++;
    if (value >= 0 && value < SMALL_VALUES)
        of->small[value]++;
    else
        count_large(of, value);
}

static int by_value(const void *first, const void *second)
{
    const histogram_bin *a = first, *b = second;
    return (a->value > b->value) - (a->value < b->value);
}

void sort_histogram(histogram *of)
{
    const khash_t(counts) *large = of->large;
    of->bins = allocate(SMALL_VALUES + (large ? kh_size(large) : 0), sizeof *of->bins);
    of->bin_count = 0;
    for (int value = 0; value < SMALL_VALUES; value++)
        if (of->small[value])
            of->bins[of->bin_count++] = (histogram_bin){value, of->small[value]};
    for (khiter_t place = 0; large && place < kh_end(large); place++)
        if (kh_exist(large, place))
            of->bins[of->bin_count++] = (histogram_bin){kh_key(large, place), kh_val(large, place)};
    sort_array(of->bins, of->bin_count, sizeof *of->bins, by_value);
}

double histogram_sum(const histogram *of)
{
    double sum = 0;
    for (size_t i = 0; i < of->bin_count; i++)
        sum += (double)of->bins[i].value * (double)of->bins[i].count;
    return sum;
}

double histogram_mean(const histogram *of) { return histogram_sum(of) / (double)of->total; }

double histogram_deviation(const histogram *of)
{
    double mean = histogram_mean(of), squares = 0;
    for (size_t i = 0; i < of->bin_count; i++) {
        double distance = (double)of->bins[i].value - mean;
        squares += (double)of->bins[i].count * (distance * distance);
    }
    return sqrt(squares / ((double)of->total - 1));
}

/* The median of values that are multiples of `unit`. */
static double median_of(const histogram_bin *bins, size_t bin_count, int64_t total, double unit)
{
    int64_t low_rank = (total + 1) / 2, high_rank = total % 2 ? low_rank : low_rank + 1, seen = 0;
    double low = 0;
    if (!total)
        return 0;
    for (size_t i = 0; i < bin_count; i++) {
        double value = (double)bins[i].value * unit;
        if (seen < low_rank && seen + bins[i].count >= low_rank)
            low = value;
        seen += bins[i].count;
        if (seen >= high_rank)
            return (low + value) / 2;
    }
    return 0;
}

double histogram_median(const histogram *of) { return median_of(of->bins, of->bin_count, of->total, 1); }

/* The median of the distances from the median, which are multiples of a half. */
double histogram_median_deviation(const histogram *of)
{
    double median = histogram_median(of);
    histogram_bin *distances = allocate(of->bin_count, sizeof *distances);
    for (size_t i = 0; i < of->bin_count; i++) {
        double distance = fabs((double)of->bins[i].value - median);
        distances[i] = (histogram_bin){(int64_t)(2 * distance), of->bins[i].count};
    }
    sort_array(distances, of->bin_count, sizeof *distances, by_value);
    double result = median_of(distances, of->bin_count, of->total, 0.5);
    free(distances);
    return result;
}

int64_t histogram_least(const histogram *of) { return of->bin_count ? of->bins[0].value : 0; }

int64_t histogram_most(const histogram *of) { return of->bin_count ? of->bins[of->bin_count - 1].value : 0; }

int64_t histogram_mode(const histogram *of)
{
    size_t best = 0;
    for (size_t i = 1; i < of->bin_count; i++)
        if (of->bins[i].count > of->bins[best].count)
            best = i;
    return of->bin_count ? of->bins[best].value : 0;
}

void trim_histogram(histogram *of, int64_t most)
{
    while (of->bin_count && of->bins[of->bin_count - 1].value > most)
        of->total -= of->bins[--of->bin_count].count;
}
