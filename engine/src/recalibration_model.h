/* The counts of base quality recalibration, and the qualities that they tell (RecalDatum of GATK 4.6.2). */
#ifndef RECALIBRATION_MODEL_H
#define RECALIBRATION_MODEL_H

#include <stdint.h>

#include "covariates.h"
#include "read_groups.h"

typedef struct {
    int64_t observations, errors;
} tally;

typedef struct {
    char *name;              /* a read group's PU, or its ID without one; several read groups may share it */
    tally total;             /* of all qualities */
    double reported_quality; /* that the reported qualities of its bases amount to */
    tally by_quality[QUALITIES];
    tally by_context[QUALITIES][CONTEXTS];
    tally by_cycle[QUALITIES][CYCLES];
} recalibration_group;

typedef struct {
    int count;
    recalibration_group **groups; /* by name */
    int *of_read_group;           /* index of each of the header's read groups */
} recalibration_model;

/* A model without counts for the read groups of a header. */
recalibration_model *new_model(const read_groups *groups);
void model_free(recalibration_model *model);

/* Adds the counts of a model for the same header. */
void add_model(recalibration_model *to, const recalibration_model *from);

/* Sums the counts of qualities into totals: before a table is written. */
void sum_model(recalibration_model *model);

enum {
    MOST_REASONABLE = 60, /* empirical qualities are 0 to 60 */
    FARTHEST = 40         /* differences from the prior above this count as this */
};

/* Logarithms that empirical qualities are made of, for each quality and difference. */
typedef struct {
    double error[MOST_REASONABLE + 1], correct[MOST_REASONABLE + 1], prior[FARTHEST + 1];
} quality_terms;

quality_terms make_quality_terms(void);

/* The most probable quality of bases with these counts, if `prior` was expected. */
int empirical_quality(const quality_terms *terms, tally counts, double prior);

/* The probability of an error that a quality states. */
double error_probability(double quality);

#endif
