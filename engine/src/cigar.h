/* CIGARs as GATK's read clipping makes them (CigarBuilder, ClippingOp, ReadUtils of GATK 4.6.2). */
#ifndef CIGAR_H
#define CIGAR_H

#include <htslib/sam.h>
#include <stdbool.h>

/* Whether an operation is a soft or a hard clip. */
bool is_clip(int operation);

typedef struct {
    uint32_t *elements; /* as in a BAM */
    size_t count, capacity;
    int section; /* clips on the left, the middle, clips on the right: while the CIGAR is made */
} cigar;

/* A read whose ends may have been cut off. */
typedef struct {
    int64_t start;        /* 0-based position of the first base that is left */
    int first, length;    /* the bases that are left, counted in the record */
    cigar operations, spare;
} clipped_read;

enum { NOT_ON_READ = -1 };

void clipped_read_free(clipped_read *read);

/* The whole read with a CIGAR in GATK's order: equal operations joined, deletions before insertions, none at the ends.
   False if the CIGAR is not one: clips in the middle, or nothing but clips and deletions. */
bool start_clipping(clipped_read *read, const bam1_t *record);

/* Cuts off `count` bases; all of them leaves an empty read. */
bool cut_left(clipped_read *read, int count);
bool cut_right(clipped_read *read, int count);
bool cut_soft_clips(clipped_read *read);

/* One past the last reference position. */
int64_t reference_end(const clipped_read *read);

/* The index of a reference position among the bases that are left; of a deleted one, that of the next base. Soft-clipped
   bases have positions too. operation: set to the one there. */
int read_index(const clipped_read *read, int64_t position, int *operation);

static inline bool consumes_read(uint32_t element) { return bam_cigar_type(bam_cigar_op(element)) & 1; }
static inline bool consumes_reference(uint32_t element) { return bam_cigar_type(bam_cigar_op(element)) & 2; }

#endif
