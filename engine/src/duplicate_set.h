/* The set of templates that are duplicates: what `mark` finds and `finish` flags. */
#ifndef DUPLICATE_SET_H
#define DUPLICATE_SET_H

#include <stdbool.h>
#include <stdint.h>

/* The tag with a record's template number, between `mark` and `finish`. */
#define TEMPLATE_TAG "zt"

typedef struct {
    uint64_t records;   /* of the stream that `mark` read */
    uint64_t templates; /* of which each has a bit */
    uint8_t *bits;
} duplicate_set;

duplicate_set *duplicate_set_new(uint64_t templates);
void add_duplicate(duplicate_set *set, uint32_t template_number);
bool is_duplicate(const duplicate_set *set, uint32_t template_number);

/* Writes an output (output.h) and reads it. */
void write_duplicates(const duplicate_set *set, const char *name);
duplicate_set *read_duplicates(const char *name);
void duplicate_set_free(duplicate_set *set);

#endif
