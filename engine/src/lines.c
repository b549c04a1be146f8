#include "lines.h"

#include <errno.h>
#include <htslib/bgzf.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory.h"

enum { BUFFER = 1 << 16 };

struct line_reader {
    const char *name;
    BGZF *file;
    char *buffer;
    size_t at, filled;
    kstring_t line;
};

static _Noreturn void fail_incomplete(const char *name)
{
    fail("%s is not a complete gzip file: copy it again from its source", name);
}

static bool fill(line_reader *reader)
{
    ssize_t size = bgzf_read(reader->file, reader->buffer, BUFFER);
    if (size < 0)
        fail_incomplete(reader->name);
    reader->at = 0;
    reader->filled = (size_t)size;
    return size > 0;
}

/* htslib takes so few bytes of a gzip file that they are not its head for text. */
static bool is_gzip_taken_for_text(const line_reader *reader)
{
    return !bgzf_compression(reader->file) && reader->filled > 1 && !memcmp(reader->buffer, "\x1f\x8b", 2);
}

line_reader *open_lines(const char *file, const char *name)
{
    line_reader *reader = allocate(1, sizeof *reader);
    reader->name = name;
    reader->buffer = allocate(BUFFER, 1);
    errno = 0;
    reader->file = bgzf_open(file, "r");
    if (!reader->file && errno)
        fail("%s cannot be read (%s): check its name", name, strerror(errno));
    if (!reader->file)
        fail_incomplete(name);
    fill(reader);
    if (is_gzip_taken_for_text(reader))
        fail_incomplete(name);
    return reader;
}

const char *lines_name(const line_reader *reader) { return reader->name; }

const kstring_t *this_line(const line_reader *reader) { return &reader->line; }

static void append(line_reader *reader, size_t size)
{
    if (kputsn(reader->buffer + reader->at, size, &reader->line) < 0)
        fail("%s has a line of more than %zu bytes, for which there is no memory: check that it is FASTQ", reader->name,
             reader->line.l);
    reader->at += size;
}

bool next_line(line_reader *reader)
{
    bool any = false;
    ks_clear(&reader->line);
    while (reader->at < reader->filled || fill(reader)) {
        const char *from = reader->buffer + reader->at;
        const char *end = memchr(from, '\n', reader->filled - reader->at);
        append(reader, end ? (size_t)(end - from) : reader->filled - reader->at);
        any = true;
        if (end) {
            reader->at++;
            break;
        }
    }
    return any;
}

void close_lines(line_reader *reader)
{
    if (bgzf_close(reader->file))
        fail("%s could not be read to its end: copy it again from its source", reader->name);
    free(reader->buffer);
    ks_free(&reader->line);
    free(reader);
}
