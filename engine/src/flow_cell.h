/* Where on a flow cell a read comes from, by its name: Picard's ReadNameParser. */
#ifndef FLOW_CELL_H
#define FLOW_CELL_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    int16_t tile; /* NO_TILE if the name tells no place */
    int16_t x, y; /* shorts of Java, which overflow from 32768, as in Picard */
    uint16_t group; /* number of the read group in the header */
} flow_cell_place;

enum { NO_TILE = -1 };

/* The place in a name of five or seven fields, which ends in tile:x:y (Picard's default READ_NAME_REGEX), or in a name
   INSTRUMENT:RUN:FLOWCELL:LANE:TILE:X:Y:UMI, as the project's READ_NAME_REGEX for such names has it. */
flow_cell_place place_in_name(const char *name, uint16_t group);

/* The number of optical duplicates among duplicates: for each set of places that are linked by steps of at most
   `distance` pixels, all but one. Sorts the places; `roots` has room for one number for each of them. */
size_t count_optical(flow_cell_place *places, size_t count, int distance, uint32_t *roots);

#endif
