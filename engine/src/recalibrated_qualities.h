/* The qualities that a recalibration table gives bases (BQSRReadTransformer of GATK 4.6.2). */
#ifndef RECALIBRATED_QUALITIES_H
#define RECALIBRATED_QUALITIES_H

#include "recalibration_model.h"

typedef struct recalibrated_qualities recalibrated_qualities;

/* quantized: qualities that results are rounded to; with none, all are kept. */
recalibrated_qualities *recalibrate_model(const recalibration_model *model, int *quantized, int count);
void recalibrated_qualities_free(recalibrated_qualities *qualities);

/* Sets the recalibrated qualities of bases with their covariates; group: the index of their read group. */
void recalibrate_bases(const recalibrated_qualities *qualities, const recalibration_model *model, int group,
                       read_covariates *read);

#endif
