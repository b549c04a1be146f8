/* Sorts read ends within a bound of memory: full buffers are sorted and written to one file, and merged from there. */
#ifndef SPILL_H
#define SPILL_H

#include <stdbool.h>
#include <stddef.h>

#include "read_end.h"

typedef struct spill spill;

/* bytes: the bound, which holds while ends are added and while they are read. folder: where the file is, which has no
   name and so is gone with the program. */
spill *spill_new(size_t bytes, const char *folder);
void spill_add(spill *ends, const read_end *end);

/* Sorts what was added: from now on ends are read. */
void spill_sort(spill *ends);

/* The next end in their order: false after the last. */
bool spill_next(spill *ends, read_end *end);
void spill_free(spill *ends);

#endif
