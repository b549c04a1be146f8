#include "recalibration_model.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory.h"

enum { MOST_OBSERVATIONS = 2147483646 }; /* more are scaled down to this */

static const double PRIOR_DEVIATION = 0.5;

double error_probability(double quality) { return pow(10.0, quality / -10.0); }

/* A read group's name in the table. */
static const char *name_of(const read_group *group) { return group->unit ? group->unit : group->id; }

static int by_name(const void *first, const void *second)
{
    return strcmp((*(recalibration_group *const *)first)->name, (*(recalibration_group *const *)second)->name);
}

static int index_of(const recalibration_model *model, const char *name)
{
    for (int i = 0; i < model->count; i++)
        if (!strcmp(model->groups[i]->name, name))
            return i;
    return -1;
}

recalibration_model *new_model(const read_groups *groups)
{
    recalibration_model *model = allocate(1, sizeof *model);
    model->groups = allocate(groups->count, sizeof(recalibration_group *));
    model->of_read_group = allocate(groups->count, sizeof *model->of_read_group);
    for (int i = 0; i < groups->count; i++) {
        if (index_of(model, name_of(&groups->groups[i])) >= 0)
            continue;
        recalibration_group *group = allocate(1, sizeof *group);
        group->name = copy_text(name_of(&groups->groups[i]));
        model->groups[model->count++] = group;
    }
    sort_array(model->groups, model->count, sizeof(recalibration_group *), by_name);
    for (int i = 0; i < groups->count; i++)
        model->of_read_group[i] = index_of(model, name_of(&groups->groups[i]));
    return model;
}

void model_free(recalibration_model *model)
{
    for (int i = 0; i < model->count; i++) {
        free(model->groups[i]->name);
        free(model->groups[i]);
    }
    free(model->groups);
    free(model->of_read_group);
    free(model);
}

static void add_tallies(tally *to, const tally *from, int count)
{
    for (int i = 0; i < count; i++) {
        to[i].observations += from[i].observations;
        to[i].errors += from[i].errors;
    }
}

void add_model(recalibration_model *to, const recalibration_model *from)
{
    for (int i = 0; i < to->count; i++) {
        recalibration_group *sum = to->groups[i];
        const recalibration_group *group = from->groups[i];
        add_tallies(sum->by_quality, group->by_quality, QUALITIES);
        for (int quality = 0; quality < QUALITIES; quality++) {
            if (!group->by_quality[quality].observations)
                continue;
            add_tallies(sum->by_context[quality], group->by_context[quality], CONTEXTS);
            add_tallies(sum->by_cycle[quality], group->by_cycle[quality], CYCLES);
        }
    }
}

/* As GATK, which rounds reported qualities to four decimals before it writes them or computes with them. */
static double rounded(double quality) { return floor(quality * 1e4 + 0.5) / 1e4; }

static void sum_group(recalibration_group *group)
{
    double expected = 0, reported = 0;
    group->total = (tally){0, 0};
    for (int quality = 0; quality < QUALITIES; quality++) {
        tally counts = group->by_quality[quality];
        if (!counts.observations)
            continue;
        bool first = !group->total.observations;
        expected = (double)group->total.observations * error_probability(reported) +
                   (double)counts.observations * error_probability(quality);
        group->total.observations += counts.observations;
        group->total.errors += counts.errors;
        reported = first ? quality : -10 * log10(expected / (double)group->total.observations);
    }
    group->reported_quality = rounded(reported);
}

void sum_model(recalibration_model *model)
{
    for (int i = 0; i < model->count; i++)
        sum_group(model->groups[i]);
}

quality_terms make_quality_terms(void)
{
    quality_terms terms;
    for (int quality = 0; quality <= MOST_REASONABLE; quality++) {
        terms.error[quality] = log(error_probability(quality));
        terms.correct[quality] = log1p(-error_probability(quality));
    }
    for (int difference = 0; difference <= FARTHEST; difference++) {
        double deviations = difference / PRIOR_DEVIATION;
        terms.prior[difference] = -0.5 * deviations * deviations - log(PRIOR_DEVIATION) - 0.5 * log(2 * M_PI);
    }
    return terms;
}

/* Of a binomial distribution, without the coefficient, which is the same for all qualities. */
static double log_likelihood(const quality_terms *terms, int quality, tally counts)
{
    double result = (double)counts.errors * terms->error[quality] +
                    (double)(counts.observations - counts.errors) * terms->correct[quality];
    return isinf(result) || isnan(result) ? -DBL_MAX : result;
}

static tally scaled(tally counts)
{
    if (counts.observations <= MOST_OBSERVATIONS)
        return counts;
    double fraction = (double)MOST_OBSERVATIONS / (double)counts.observations;
    return (tally){MOST_OBSERVATIONS, (int64_t)floor((double)counts.errors * fraction + 0.5)};
}

int empirical_quality(const quality_terms *terms, tally counts, double prior)
{
    /* One error and one base without are added. */
    tally added = scaled((tally){counts.observations + 2, counts.errors + 1});
    int best = 0;
    double most = 0;
    for (int quality = 0; quality <= MOST_REASONABLE; quality++) {
        int difference = abs((int)(quality - prior));
        double posterior = terms->prior[difference > FARTHEST ? FARTHEST : difference] +
                           log_likelihood(terms, quality, added);
        if (quality == 0 || posterior > most) {
            most = posterior;
            best = quality;
        }
    }
    return best;
}
