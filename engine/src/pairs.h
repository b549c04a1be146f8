/* The two reads of a pair. */
#ifndef PAIRS_H
#define PAIRS_H

#include <htslib/sam.h>

/* In the order in which Picard lists them. */
enum { FORWARD_REVERSE, REVERSE_FORWARD, TANDEM, ORIENTATIONS };

/* How mapped reads of a pair are directed to each other (SamPairUtil.getPairOrientation of htsjdk). */
int pair_orientation(const bam1_t *record);

#endif
