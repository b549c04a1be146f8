/* What MarkDuplicates compares: the unclipped 5' ends of mapped primary records, alone or in pairs. */
#ifndef READ_END_H
#define READ_END_H

#include <htslib/sam.h>
#include <stdbool.h>
#include <stdint.h>

#include "flow_cell.h"

/* Strands of one end, or of a pair's two: Picard's order of sorting. */
enum { FORWARD, REVERSE, FORWARD_FORWARD, FORWARD_REVERSE, REVERSE_REVERSE, REVERSE_FORWARD };

typedef struct {
    uint64_t first, second; /* places on the reference, of the lower and the higher end; second is 0 for one end */
    flow_cell_place place;
    uint32_t template_number;
    int16_t score;
    uint16_t library;
    uint8_t strands;
    uint8_t sequenced; /* the strands of a pair in the order of the reads 1 and 2, for optical duplicates */
    uint8_t paired;    /* for one end: its mate is mapped */
} read_end;

/* The end of a mapped record; template number and library are those given. */
read_end end_of_record(const bam1_t *record, uint32_t template_number, uint16_t library, flow_cell_place place);

/* The pair of two ends in the order of their records; `read1_last`: whether the second is of read 1. */
read_end pair_of_ends(const read_end *earlier, const read_end *later, bool read1_last);

/* One of the two ends of a pair, as a single one that is part of a pair. */
read_end end_of_pair(const read_end *pair, bool higher);

/* Whether a read end is sorted before another: by library, place and strands, then as Picard breaks ties. */
bool sorted_before(const read_end *one, const read_end *other);

/* Whether two ends, or two pairs, are duplicates of each other. */
bool same_ends(const read_end *one, const read_end *other);

#endif
