#include "htsjdk_tags.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory.h"

#define MOST_TAGS 4096

typedef struct {
    int key; /* the second letter first: BinaryTagCodec compares tags as little-endian numbers */
    uint8_t name[2], type;
    const uint8_t *value; /* after the type */
    size_t length;        /* bytes of the value */
    int64_t number;       /* of an integer */
} tag;

static bool is_integer(uint8_t type)
{
    return strchr("cCsSiI", type) != NULL;
}

static int compare(const void *first, const void *second)
{
    const tag *a = first, *b = second;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->value < b->value ? -1 : a->value > b->value;
}

/* The type of htsjdk's BinaryTagCodec.getIntegerType: the smallest signed one, or the unsigned one of that size. */
static uint8_t integer_type(int64_t number)
{
    if (number > INT32_MAX)
        return 'I';
    if (number > UINT16_MAX || number < INT16_MIN)
        return 'i';
    if (number > INT16_MAX)
        return 'S';
    if (number > UINT8_MAX || number < INT8_MIN)
        return 's';
    return number > INT8_MAX ? 'C' : 'c';
}

/* The bytes of a value of one element; 0 for other types. */
static size_t element_size(uint8_t type)
{
    switch (type) {
    case 'A': case 'c': case 'C': return 1;
    case 's': case 'S': return 2;
    case 'i': case 'I': case 'f': return 4;
    case 'd': return 8;
    default: return 0;
    }
}

/* The bytes of a value that begins before `end`; 0 if it is damaged. */
static size_t value_length(uint8_t type, const uint8_t *value, const uint8_t *end)
{
    size_t room = (size_t)(end - value), length = element_size(type);
    if (type == 'Z' || type == 'H')
        length = strnlen((const char *)value, room) + 1;
    else if (type == 'B' && room >= 5)
        length = 5 + element_size(value[0]) * (value[1] | value[2] << 8 | value[3] << 16 | (size_t)value[4] << 24);
    return length <= room ? length : 0;
}

static size_t read_tags(const bam1_t *record, tag *tags, const char *file)
{
    size_t count = 0;
    const uint8_t *end = record->data + record->l_data;
    for (const uint8_t *at = bam_get_aux(record); at < end; at = tags[count - 1].value + tags[count - 1].length) {
        size_t length = end - at > 3 ? value_length(at[2], at + 3, end) : 0;
        if (!length || count == MOST_TAGS)
            fail("the tags of %s in %s are damaged: align the reads again", bam_get_qname(record), file);
        tag *own = &tags[count++];
        *own = (tag){.key = at[1] << 8 | at[0], .name = {at[0], at[1]}, .type = at[2], .value = at + 3, .length = length};
        if (is_integer(own->type))
            own->number = bam_aux2i(at + 2);
    }
    return count;
}

static uint8_t *put(uint8_t *at, const tag *own)
{
    *at++ = own->name[0];
    *at++ = own->name[1];
    if (!is_integer(own->type)) {
        *at++ = own->type;
        memcpy(at, own->value, own->length);
        return at + own->length;
    }
    *at++ = integer_type(own->number);
    size_t size = element_size(at[-1]);
    for (size_t i = 0; i < size; i++)
        *at++ = (uint8_t)((uint64_t)own->number >> 8 * i);
    return at;
}

void write_as_htsjdk(bam1_t *record, const char *file)
{
    tag tags[MOST_TAGS];
    size_t count = read_tags(record, tags, file);
    if (record->core.tid < 0)
        record->core.bin = 0; /* the SAM specification has 4680 */
    if (!count)
        return;
    sort_array(tags, count, sizeof *tags, compare);
    size_t before = (size_t)bam_get_l_aux(record);
    uint8_t *sorted = allocate(before + 3 * count, 1); /* an integer grows by three bytes at most */
    uint8_t *end = sorted;
    for (size_t i = 0; i < count; i++)
        end = put(end, &tags[i]);
    size_t after = (size_t)(end - sorted), start = (size_t)record->l_data - before;
    if (start + after > record->m_data) {
        size_t capacity = record->m_data;
        record->data = grow(record->data, &capacity, start + after, 1);
        record->m_data = (uint32_t)capacity;
    }
    memcpy(record->data + start, sorted, after);
    record->l_data = (int)(start + after);
    free(sorted);
}
