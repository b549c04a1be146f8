/* GATK's filter of well-formed reads (WellformedReadFilter of GATK 4.6.2). */
#ifndef READ_FILTER_H
#define READ_FILTER_H

#include <htslib/sam.h>
#include <stdbool.h>

/* Whether GATK takes a record as placed: BaseRecalibrator and its filters go by that. */
bool is_placed(const bam1_t *record);

/* Whether the filter lets a record pass. */
bool is_wellformed(const sam_hdr_t *header, const bam1_t *record);

#endif
