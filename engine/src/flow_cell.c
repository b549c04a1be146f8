#include "flow_cell.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static const flow_cell_place NOWHERE = {.x = -1, .y = -1, .tile = NO_TILE};

/* Digits up to the first other character, with Java's overflow; false if there are none. */
static bool leading_number(const char *text, int32_t *number)
{
    bool negative = *text == '-';
    const char *digit = negative ? text + 1 : text;
    uint32_t value = 0;
    if (!isdigit((unsigned char)*digit))
        return false;
    for (; isdigit((unsigned char)*digit); digit++)
        value = value * 10 + (uint32_t)(*digit - '0');
    *number = (int32_t)(negative ? 0 - value : value);
    return true;
}

static bool find_by_default(const char *name, flow_cell_place *place)
{
    const char *last[3] = {name, name, name}; /* what follows the third last, second last and last colon */
    int fields = *name && *name != ':';
    for (const char *at = name; *at; at++)
        if (*at == ':') {
            fields++;
            last[0] = last[1];
            last[1] = last[2];
            last[2] = at + 1;
        }
    int32_t tile, x, y;
    if ((fields != 5 && fields != 7) || !leading_number(last[0], &tile) || !leading_number(last[1], &x)
        || !leading_number(last[2], &y))
        return false;
    *place = (flow_cell_place){.tile = (int16_t)tile, .x = (int16_t)x, .y = (int16_t)y};
    return true;
}

/* A field that is a whole number and ends in one of these characters; null if it is not, or not an int of Java. */
static const char *number_field(const char *text, bool may_be_negative, const char *ends, int32_t *number)
{
    const char *digit = *text == '-' && may_be_negative ? text + 1 : text;
    char *end;
    if (!isdigit((unsigned char)*digit))
        return NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || value < INT32_MIN || value > INT32_MAX || !*end || !strchr(ends, *end))
        return NULL;
    *number = (int32_t)value;
    return end + 1;
}

static const char *skip_field(const char *text, bool digits)
{
    size_t length = digits ? strspn(text, "0123456789") : strcspn(text, ":");
    return length && text[length] == ':' ? text + length + 1 : NULL;
}

static bool find_before_umi(const char *name, flow_cell_place *place)
{
    static const char UMI[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_-";
    const char *at = name;
    for (int field = 0; field < 4; field++) /* instrument, run (Element's is a name), flow cell, lane */
        if (!(at = skip_field(at, field == 3)))
            return false;
    int32_t tile, x, y;
    if (!(at = number_field(at, false, ":", &tile)) || !(at = number_field(at, true, ":", &x))
        || !(at = number_field(at, true, ":_", &y)) || !*at || at[strspn(at, UMI)])
        return false;
    *place = (flow_cell_place){.tile = (int16_t)tile, .x = (int16_t)x, .y = (int16_t)y};
    return true;
}

flow_cell_place place_in_name(const char *name, uint16_t group)
{
    flow_cell_place place = NOWHERE;
    if (find_by_default(name, &place) || find_before_umi(name, &place))
        place.group = group;
    return place;
}

static int compare_places(const void *one, const void *other)
{
    const flow_cell_place *a = one, *b = other;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    if (a->tile != b->tile)
        return a->tile < b->tile ? -1 : 1;
    return a->x == b->x ? 0 : a->x < b->x ? -1 : 1;
}

static uint32_t root_of(uint32_t *roots, uint32_t at)
{
    while (roots[at] != at)
        at = roots[at] = roots[roots[at]];
    return at;
}

size_t count_optical(flow_cell_place *places, size_t count, int distance, uint32_t *roots)
{
    size_t joined = 0;
    sort_array(places, count, sizeof *places, compare_places);
    for (uint32_t i = 0; i < count; i++)
        roots[i] = i;
    for (uint32_t i = 0; i < count; i++) {
        const flow_cell_place *place = &places[i];
        for (uint32_t j = i + 1; j < count; j++) {
            const flow_cell_place *other = &places[j];
            if (other->group != place->group || other->tile != place->tile
                || other->x - place->x > distance)
                break;
            if (abs(other->y - place->y) > distance)
                continue;
            uint32_t root = root_of(roots, i), other_root = root_of(roots, j);
            joined += root != other_root;
            roots[other_root] = root;
        }
    }
    return joined;
}
