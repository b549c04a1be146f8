/* Finds duplicates as Picard's MarkDuplicates does, within a bound of memory. */
#ifndef DUPLICATES_H
#define DUPLICATES_H

#include "duplicate_set.h"
#include "duplication.h"
#include "read_end.h"

typedef struct duplicate_finder duplicate_finder;

/* bytes: the bound of memory. folder: of temporary files. distance: of optical duplicates, in pixels. */
duplicate_finder *duplicate_finder_new(size_t bytes, const char *folder, int distance);

/* Two mapped ends of a template. */
void add_pair(duplicate_finder *finder, const read_end *pair);

/* A mapped end without a mate in the stream. It is no duplicate if its mate is mapped elsewhere, but others are. */
void add_single(duplicate_finder *finder, const read_end *end);

/* Adds the duplicates to the set and their counts; nothing can be added afterwards. */
void find_duplicates(duplicate_finder *finder, duplicate_set *set, duplication *counts);
void duplicate_finder_free(duplicate_finder *finder);

#endif
