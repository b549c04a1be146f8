#include "duplication.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory.h"

static const char UNKNOWN[] = "Unknown Library";

static uint16_t library_named(duplication *counts, const char *name)
{
    for (size_t i = 0; i < counts->count; i++)
        if (!strcmp(counts->libraries[i].name, name))
            return (uint16_t)i;
    if (counts->count == UINT16_MAX)
        fail("the header has more than %d libraries: mark the duplicates of each sample by itself", UINT16_MAX);
    counts->libraries = grow(counts->libraries, &counts->capacity, counts->count + 1, sizeof *counts->libraries);
    counts->libraries[counts->count] = (library_counts){.name = copy_text(name)};
    return (uint16_t)counts->count++;
}

duplication *duplication_new(const read_groups *groups)
{
    duplication *counts = allocate(1, sizeof *counts);
    if (groups->count >= UINT16_MAX)
        fail("the header has more than %d read groups: mark the duplicates of each sample by itself", UINT16_MAX - 1);
    counts->of_group = allocate((size_t)groups->count, sizeof *counts->of_group);
    for (int i = 0; i < groups->count; i++) {
        const char *library = groups->groups[i].library;
        counts->of_group[i] = library_named(counts, library ? library : UNKNOWN);
    }
    return counts;
}

void duplication_free(duplication *counts)
{
    for (size_t i = 0; i < counts->count; i++)
        free(counts->libraries[i].name);
    free(counts->libraries);
    free(counts->of_group);
    histogram_free(&counts->all);
    histogram_free(&counts->optical);
    histogram_free(&counts->non_optical);
    free(counts);
}
