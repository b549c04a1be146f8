#include "templates.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory.h"

/* A power of two. In a file sorted by coordinate a mate comes soon, long before so many other reads without one. */
enum { REMEMBERED_STRAYS = 1 << 16 };

static const char NOT_GROUPED[] = "%s is not grouped by read name: give the aligner's own order, or the result of samtools "
                                  "collate";

template_stream *template_stream_new(bam_reader *reader)
{
    kstring_t order = KS_INITIALIZE;
    if (!sam_hdr_find_tag_hd(reader->header, "SO", &order) && !strcmp(order.s, "coordinate"))
        fail(NOT_GROUPED, reader->name);
    ks_free(&order);
    template_stream *stream = allocate(1, sizeof *stream);
    stream->reader = reader;
    stream->number = UINT32_MAX; /* so that the first is 0 */
    stream->strays = allocate(REMEMBERED_STRAYS, sizeof *stream->strays);
    stream->ahead = new_record();
    return stream;
}

static void add_ahead(template_stream *stream)
{
    size_t before = stream->capacity;
    stream->records = grow(stream->records, &stream->capacity, stream->count + 1, sizeof *stream->records);
    for (size_t i = before; i < stream->capacity; i++)
        stream->records[i] = new_record();
    bam1_t *emptied = stream->records[stream->count];
    stream->records[stream->count++] = stream->ahead;
    stream->ahead = emptied;
    stream->has_ahead = false;
}

void fail_several_primaries(const template_stream *stream)
{
    fail("%s has several primary records of %s that are not reads 1 and 2 of a pair: give each read a name of its own",
         stream->reader->name, bam_get_qname(stream->records[0]));
}

bool next_template(template_stream *stream)
{
    int primaries = 0;
    stream->count = 0;
    if (!stream->has_ahead && !read_record(stream->reader, stream->ahead))
        return false;
    do {
        primaries += !(stream->ahead->core.flag & (BAM_FSECONDARY | BAM_FSUPPLEMENTARY));
        add_ahead(stream);
        if (primaries > 2)
            fail_several_primaries(stream);
    } while ((stream->has_ahead = read_record(stream->reader, stream->ahead))
           && !strcmp(bam_get_qname(stream->ahead), bam_get_qname(stream->records[0])));
    stream->number++;
    if (stream->number == UINT32_MAX)
        fail("%s has more than %u templates: mark the duplicates of each library by itself", stream->reader->name,
             UINT32_MAX - 1);
    return true;
}

/* FNV-1a, never 0. */
static uint64_t hash_of(const char *name)
{
    uint64_t hash = 14695981039346656037U;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211U;
    return hash | 1;
}

void note_stray(template_stream *stream)
{
    uint64_t hash = hash_of(bam_get_qname(stream->records[0]));
    uint64_t *place = &stream->strays[hash >> 32 & (REMEMBERED_STRAYS - 1)];
    if (*place == hash)
        fail(NOT_GROUPED, stream->reader->name);
    *place = hash;
}

uint64_t templates_read(const template_stream *stream)
{
    return (uint64_t)(uint32_t)(stream->number + 1);
}

void template_stream_free(template_stream *stream)
{
    for (size_t i = 0; i < stream->capacity; i++)
        bam_destroy1(stream->records[i]);
    bam_destroy1(stream->ahead);
    free(stream->records);
    free(stream->strays);
    free(stream);
}
