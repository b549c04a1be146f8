/* The tags NM, MD and UQ of a record, as Picard's SetNmMdAndUqTags sets them. */
#ifndef MISMATCH_TAGS_H
#define MISMATCH_TAGS_H

#include <htslib/sam.h>

/* Sets the tags of a mapped record; a record without bases keeps those it has, and one without qualities its UQ. 
   bases, length: of the record's contig, in upper case. text: room that is used again. file: the record's, for errors. */
void set_mismatch_tags(bam1_t *record, const char *bases, int64_t length, kstring_t *text, const char *file);

#endif
