#include "recalibrated_qualities.h"

#include <math.h>
#include <stdlib.h>

#include "memory.h"

/* What the terms of a base add up to: each is a whole number, so that tables of sums need not be made. */
typedef struct {
    int8_t by_quality[QUALITIES];
    int8_t by_context[QUALITIES][CONTEXTS];
    int8_t by_cycle[QUALITIES][CYCLES];
} group_terms;

struct recalibrated_qualities {
    group_terms **groups; /* null for those that the table has not */
    int count;
    uint8_t quantized[QUALITIES];
};

static int by_value(const void *first, const void *second) { return *(const int *)first - *(const int *)second; }

static double correct_probability(double quality) { return 1 - error_probability(quality); }

/* Each quality becomes the nearer of the given ones around it, by the probability of a correct base. */
static void make_quantized(uint8_t map[QUALITIES], int *levels, int count)
{
    for (int quality = 0; quality < QUALITIES; quality++)
        map[quality] = (uint8_t)quality;
    if (!count)
        return;
    sort_array(levels, count, sizeof *levels, by_value);
    int before = count == 1 ? levels[0] : LEAST_QUALITY;
    for (int i = 0; count > 1 && i < count; i++) {
        double low = correct_probability(before), high = correct_probability(levels[i]);
        for (int quality = before; quality < levels[i]; quality++) {
            double here = correct_probability(quality);
            map[quality] = (uint8_t)(here - low > high - here ? levels[i] : before);
        }
        before = levels[i];
    }
    for (int quality = count == 1 ? LEAST_QUALITY : before; quality < QUALITIES; quality++)
        map[quality] = (uint8_t)before;
}

static group_terms *make_terms(const quality_terms *terms, const recalibration_group *group)
{
    group_terms *made = allocate(1, sizeof *made);
    int whole = empirical_quality(terms, group->total, group->reported_quality);
    for (int quality = 0; quality < QUALITIES; quality++) {
        tally counts = group->by_quality[quality];
        int base = counts.observations ? empirical_quality(terms, counts, whole) : whole;
        made->by_quality[quality] = (int8_t)base;
        for (int context = 0; context < CONTEXTS; context++) {
            tally here = group->by_context[quality][context];
            made->by_context[quality][context] =
                (int8_t)(here.observations ? empirical_quality(terms, here, base) - base : 0);
        }
        for (int cycle = 0; cycle < CYCLES; cycle++) {
            tally here = group->by_cycle[quality][cycle];
            made->by_cycle[quality][cycle] =
                (int8_t)(here.observations ? empirical_quality(terms, here, base) - base : 0);
        }
    }
    return made;
}

recalibrated_qualities *recalibrate_model(const recalibration_model *model, int *quantized, int count)
{
    recalibrated_qualities *qualities = allocate(1, sizeof *qualities);
    quality_terms terms = make_quality_terms();
    qualities->count = model->count;
    qualities->groups = allocate(model->count, sizeof(group_terms *));
    make_quantized(qualities->quantized, quantized, count);
    for (int i = 0; i < model->count; i++)
        if (model->groups[i]->total.observations)
            qualities->groups[i] = make_terms(&terms, model->groups[i]);
    return qualities;
}

void recalibrated_qualities_free(recalibrated_qualities *qualities)
{
    for (int i = 0; i < qualities->count; i++)
        free(qualities->groups[i]);
    free(qualities->groups);
    free(qualities);
}

static int recalibrated(const group_terms *terms, const read_covariates *read, int at)
{
    int quality = read->qualities[at], context = read->contexts[at];
    int result = terms->by_quality[quality] + terms->by_cycle[quality][read->cycles[at]] +
                 (context == NO_CONTEXT ? 0 : terms->by_context[quality][context]);
    return result < 1 ? 1 : result >= QUALITIES ? QUALITIES - 1 : result;
}

void recalibrate_bases(const recalibrated_qualities *qualities, const recalibration_model *model, int group,
                       read_covariates *read)
{
    const group_terms *terms = qualities->groups[model->of_read_group[group]];
    for (int i = 0; i < read->length; i++) {
        int quality = read->qualities[i];
        if (!terms)
            read->qualities[i] = qualities->quantized[quality];
        else if (quality >= LEAST_QUALITY)
            read->qualities[i] = qualities->quantized[recalibrated(terms, read, i)];
    }
}
