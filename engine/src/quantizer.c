#include "quantizer.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "recalibration_model.h"

enum { UNINTERESTING = 6, NONE = -1 };

/* A range of qualities: a single one, or two ranges that were joined. */
typedef struct {
    int start, end, left, right;
    int64_t observations, errors;
} range;

typedef struct {
    range ranges[2 * QUALITIES + 1]; /* all that were ever made; the last is for trials */
    int made;
    int current[QUALITIES], count;
} forest;

static double error_rate(const range *of)
{
    if (of->left == NONE)
        return error_probability(of->start);
    return of->observations ? (double)(of->errors + 1) / (double)(of->observations + 1) : 0;
}

/* What it costs to give all bases of a range the same error rate. Sums go along the tree, as rounding depends on it. */
static double penalty(const forest *all, const range *of, double rate)
{
    if (rate == 0)
        return 0;
    if (of->left != NONE)
        return penalty(all, &all->ranges[of->left], rate) + penalty(all, &all->ranges[of->right], rate);
    if (of->end <= UNINTERESTING)
        return 0;
    return fabs(log10(error_rate(of)) - log10(rate)) * (double)of->observations;
}

static range joined(const forest *all, int left, int right)
{
    const range *a = &all->ranges[left], *b = &all->ranges[right];
    return (range){a->start, b->end, left, right, a->observations + b->observations, a->errors + b->errors};
}

static void join_cheapest(forest *all)
{
    int best = 0;
    double least = 0;
    for (int i = 0; i + 1 < all->count; i++) {
        range trial = joined(all, all->current[i], all->current[i + 1]);
        double cost = penalty(all, &trial, error_rate(&trial));
        if (i == 0 || cost < least) {
            least = cost;
            best = i;
        }
    }
    all->ranges[all->made] = joined(all, all->current[best], all->current[best + 1]);
    all->current[best] = all->made++;
    all->count--;
    memmove(&all->current[best + 1], &all->current[best + 2], (all->count - best - 1) * sizeof(int));
}

static int level_of(const range *of)
{
    if (of->left == NONE)
        return of->start;
    double rate = error_rate(of);
    double quality = rate <= 0 ? QUALITIES - 1 : floor(-10 * log10(rate) + 0.5);
    return quality > QUALITIES - 1 ? QUALITIES - 1 : quality < 1 ? 1 : (int)quality;
}

void quantize(const int64_t histogram[QUALITIES], int levels, int quantized[QUALITIES])
{
    forest all = {.made = QUALITIES, .count = QUALITIES};
    for (int quality = 0; quality < QUALITIES; quality++) {
        double errors = floor((double)histogram[quality] * error_probability(quality));
        all.ranges[quality] = (range){quality, quality, NONE, NONE, histogram[quality],
                                      errors > INT_MAX ? INT_MAX : (int64_t)errors};
        all.current[quality] = quality;
    }
    while (all.count > levels)
        join_cheapest(&all);
    for (int i = 0; i < all.count; i++) {
        const range *of = &all.ranges[all.current[i]];
        for (int quality = of->start; quality <= of->end; quality++)
            quantized[quality] = level_of(of);
    }
}
