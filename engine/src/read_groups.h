/* The read groups of a BAM's header. */
#ifndef READ_GROUPS_H
#define READ_GROUPS_H

#include <htslib/sam.h>

typedef struct {
    const char *id;
    const char *unit;     /* PU, or null */
    const char *library;  /* LB, or null */
    const char *sample;   /* SM, or null */
    const char *platform; /* PL, or null */
} read_group;

typedef struct {
    int count;
    read_group *groups;
    void *by_id;
} read_groups;

read_groups *read_groups_of(sam_hdr_t *header);
void read_groups_free(read_groups *groups);

/* The index of a record's read group, or -1 if it has none or one that the header has not. */
int read_group_of(const read_groups *groups, const bam1_t *record);

/* The read group that a record names, or null. */
const char *read_group_name(const bam1_t *record);

#endif
