/* How many lanes of a flow cell reads come from, by names INSTRUMENT:RUN:FLOWCELL:LANE:TILE:X:Y, with or without a UMI. */
#ifndef LANES_OF_NAMES_H
#define LANES_OF_NAMES_H

#include <stddef.h>

typedef struct {
    char *last; /* the name of the read before up to its tile, or null */
    size_t last_length;
    char **seen; /* FLOWCELL:LANE: */
    size_t count, capacity;
} lane_names;

/* Notes a read's name. If the first read's name has another form, no name is looked at; nor is any after a thousand lanes,
   which no flow cell has: each name is another one then. */
void note_name(lane_names *lanes, const char *name, size_t length, int is_first);
void lane_names_free(lane_names *lanes);

#endif
