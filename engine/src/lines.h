/* Lines of a text that is compressed by gzip or bgzip, or not at all. */
#ifndef LINES_H
#define LINES_H

#include <htslib/hts.h>
#include <htslib/kstring.h>
#include <stdbool.h>

typedef struct line_reader line_reader;

/* file: to open. name: what sentences call it. The thread that asks for lines decompresses them: htslib's threads lose the
   blocks before a damaged one, and cannot read a gzip file that follows BGZF. */
line_reader *open_lines(const char *file, const char *name);
const char *lines_name(const line_reader *reader);

/* Reads the next line, without its end: false after the last. Fails if the file is damaged or cut short. */
bool next_line(line_reader *reader);

/* The line that was read last; it lasts until the next is read. */
const kstring_t *this_line(const line_reader *reader);
void close_lines(line_reader *reader);

#endif
