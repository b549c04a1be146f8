/* The table of Picard's CollectAlignmentSummaryMetrics with its defaults and a reference. */
#ifndef ALIGNMENT_METRICS_H
#define ALIGNMENT_METRICS_H

#include <htslib/sam.h>

typedef struct alignment_metrics alignment_metrics;

alignment_metrics *new_alignment_metrics(void);
void alignment_metrics_free(alignment_metrics *metrics);

/* bases: those of the record's contig, in upper case. */
void collect_alignment(alignment_metrics *metrics, const bam1_t *record, const char *bases, int64_t contig_length);

/* input: the BAM's name. */
void write_alignment_metrics(alignment_metrics *metrics, const char *name, const char *input);

#endif
