/* Counts of whole numbers, and what htsjdk's Histogram tells of them. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { SMALL_VALUES = 2048 };

typedef struct {
    int64_t value, count;
} histogram_bin;

typedef struct {
    int64_t small[SMALL_VALUES]; /* counts of values below SMALL_VALUES */
    void *large;                 /* those of others */
    histogram_bin *bins;         /* by value, once sort_histogram has been called */
    size_t bin_count;
    int64_t total;
} histogram;

void histogram_free(histogram *of);
void count_value(histogram *of, int64_t value);

/* Makes the bins: after the last value has been counted. */
void sort_histogram(histogram *of);

double histogram_sum(const histogram *of);
double histogram_mean(const histogram *of);
double histogram_deviation(const histogram *of);
double histogram_median(const histogram *of);
double histogram_median_deviation(const histogram *of);
int64_t histogram_least(const histogram *of);
int64_t histogram_most(const histogram *of);
int64_t histogram_mode(const histogram *of);

/* Drops bins of values above `most`. */
void trim_histogram(histogram *of, int64_t most);

#endif
