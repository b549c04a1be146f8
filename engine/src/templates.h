/* The records of one template after the other, from a stream in which they follow each other. */
#ifndef TEMPLATES_H
#define TEMPLATES_H

#include "bam_io.h"

typedef struct {
    bam_reader *reader;
    bam1_t **records; /* of this template */
    size_t count, capacity;
    bam1_t *ahead; /* the first of the next one, if has_ahead */
    bool has_ahead;
    uint32_t number; /* of this template, from 0 */
    uint64_t *strays; /* names of recent templates that miss a mate */
} template_stream;

template_stream *template_stream_new(bam_reader *reader);

/* Reads the next template: false after the last. Fails if the records of a template do not follow each other, or if more
   than two of them are primary: a file all of whose reads have one name is not held in memory. */
bool next_template(template_stream *stream);

/* Fails for primary records that are not reads 1 and 2 of a pair. */
_Noreturn void fail_several_primaries(const template_stream *stream);

/* Tells that the mate of a paired, mapped read of this template is not in it. Fails if the template was there before with
   one read, so that the stream is not grouped by name. */
void note_stray(template_stream *stream);

/* How many templates were read. */
uint64_t templates_read(const template_stream *stream);
void template_stream_free(template_stream *stream);

#endif
