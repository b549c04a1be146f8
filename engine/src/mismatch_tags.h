/* The tags NM, MD and UQ of a record, as Picard's SetNmMdAndUqTags sets them. */
#ifndef MISMATCH_TAGS_H
#define MISMATCH_TAGS_H

#include <htslib/kstring.h>

#include "contig_bases.h"

/* Sets the tags of a mapped record; a record without bases keeps those it has, and one without qualities its UQ. The
   reference has the record's contig loaded. text: room that is used again. file: the record's, for errors. */
void set_mismatch_tags(bam1_t *record, const contig_bases *reference, kstring_t *text, const char *file);

#endif
