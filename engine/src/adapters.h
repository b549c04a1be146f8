/* Reads that begin like an adapter (Picard's AdapterUtility with its default sequences). */
#ifndef ADAPTERS_H
#define ADAPTERS_H

#include <htslib/sam.h>
#include <stdbool.h>

typedef struct adapters adapters;

adapters *new_adapters(void);
void adapters_free(adapters *all);

/* Whether a read that is not placed anywhere for certain begins with a piece of an adapter, with one error at most. */
bool is_adapter(const adapters *all, const bam1_t *record);

#endif
