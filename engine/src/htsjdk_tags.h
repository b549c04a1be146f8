/* Tags and bins as htsjdk writes them, so that records of the engine equal those of GATK and Picard byte for byte. */
#ifndef HTSJDK_TAGS_H
#define HTSJDK_TAGS_H

#include <htslib/sam.h>

/* Puts the tags of a record in htsjdk's order, with integers in the type that it gives them. Equal tags stay in their order.
   A record without a reference gets bin 0.
   file: where the record is from, for the sentence about damaged tags. */
void write_as_htsjdk(bam1_t *record, const char *file);

#endif
