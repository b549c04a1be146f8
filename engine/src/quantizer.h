/* GATK's quantization of qualities to a number of levels (QualQuantizer of GATK 4.6.2). */
#ifndef QUANTIZER_H
#define QUANTIZER_H

#include <stdint.h>

#include "covariates.h"

/* Sets the level of each quality for a histogram of qualities. */
void quantize(const int64_t histogram[QUALITIES], int levels, int quantized[QUALITIES]);

#endif
