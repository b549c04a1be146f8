/* The table of Picard's CollectInsertSizeMetrics with its defaults. */
#ifndef INSERT_SIZES_H
#define INSERT_SIZES_H

#include <htslib/sam.h>

typedef struct insert_sizes insert_sizes;

insert_sizes *new_insert_sizes(void);
void insert_sizes_free(insert_sizes *sizes);
void collect_insert_size(insert_sizes *sizes, const bam1_t *record);

/* Writes the table; an empty file if there is no insert size, for which Picard writes none. input: the BAM's name. */
void write_insert_sizes(insert_sizes *sizes, const char *name, const char *input);

#endif
