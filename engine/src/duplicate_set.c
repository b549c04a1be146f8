#include "duplicate_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory.h"
#include "output.h"

/* The file: these eight bytes, the numbers of records and templates in the machine's order of bytes, and the bits. */
static const char MAGIC[8] = "BAEDUP1";

static size_t bytes_of(uint64_t templates)
{
    return (size_t)(templates / 8 + 1);
}

duplicate_set *duplicate_set_new(uint64_t templates)
{
    duplicate_set *set = allocate(1, sizeof *set);
    set->templates = templates;
    set->bits = allocate(bytes_of(templates), 1);
    return set;
}

void add_duplicate(duplicate_set *set, uint32_t template_number)
{
    set->bits[template_number / 8] |= (uint8_t)(1 << template_number % 8);
}

bool is_duplicate(const duplicate_set *set, uint32_t template_number)
{
    return set->bits[template_number / 8] >> template_number % 8 & 1;
}

void write_duplicates(const duplicate_set *set, const char *name)
{
    uint64_t counts[] = {set->records, set->templates};
    FILE *stream = open_text(name);
    fwrite(MAGIC, 1, sizeof MAGIC, stream);
    fwrite(counts, sizeof *counts, 2, stream);
    fwrite(set->bits, 1, bytes_of(set->templates), stream);
    close_text(stream, name);
}

duplicate_set *read_duplicates(const char *name)
{
    char magic[sizeof MAGIC];
    uint64_t counts[2];
    FILE *stream = fopen(name, "rb");
    if (!stream)
        fail("%s cannot be read (%s): mark the duplicates again, for it is written when mark has ended without an error",
             name, strerror(errno));
    if (fread(magic, 1, sizeof magic, stream) != sizeof magic || memcmp(magic, MAGIC, sizeof MAGIC)
        || fread(counts, sizeof *counts, 2, stream) != 2 || counts[1] > UINT32_MAX)
        fail("%s is not a set of duplicates: give the one that mark wrote", name);
    duplicate_set *set = duplicate_set_new(counts[1]);
    set->records = counts[0];
    if (fread(set->bits, 1, bytes_of(set->templates), stream) != bytes_of(set->templates) || fgetc(stream) != EOF)
        fail("%s is damaged: mark the duplicates again", name);
    fclose(stream);
    return set;
}

void duplicate_set_free(duplicate_set *set)
{
    free(set->bits);
    free(set);
}
