#include "lanes_of_names.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

enum { FIELDS = 7, FLOW_CELL = 2, LANE_END = 4, MOST_LANES = 1000 };

static void add(lane_names *lanes, const char *lane, size_t length)
{
    for (size_t i = 0; i < lanes->count; i++)
        if (strlen(lanes->seen[i]) == length && !memcmp(lanes->seen[i], lane, length))
            return;
    lanes->seen = grow(lanes->seen, &lanes->capacity, lanes->count + 1, sizeof *lanes->seen);
    lanes->seen[lanes->count] = memcpy(allocate(length + 1, 1), lane, length);
    lanes->count++;
}

void note_name(lane_names *lanes, const char *name, size_t length, int is_first)
{
    size_t starts[FIELDS] = {0}; /* of the fields */
    int fields = 1;
    if (lanes->count == MOST_LANES)
        return;
    if (!is_first && (!lanes->last || (lanes->last_length <= length && !memcmp(lanes->last, name, lanes->last_length))))
        return;
    for (size_t i = 0; i < length && fields < FIELDS; i++)
        if (name[i] == ':')
            starts[fields++] = i + 1;
    if (fields < FIELDS)
        return;
    free(lanes->last);
    lanes->last_length = starts[LANE_END];
    lanes->last = memcpy(allocate(lanes->last_length + 1, 1), name, lanes->last_length);
    add(lanes, name + starts[FLOW_CELL], starts[LANE_END] - starts[FLOW_CELL]);
}

void lane_names_free(lane_names *lanes)
{
    for (size_t i = 0; i < lanes->count; i++)
        free(lanes->seen[i]);
    free(lanes->seen);
    free(lanes->last);
}
