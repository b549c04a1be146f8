/* Counts the bases of a sorted BAM by their covariates, as GATK's BaseRecalibrator does. */
#ifndef OBSERVER_H
#define OBSERVER_H

#include "bam_io.h"
#include "known_sites.h"
#include "read_groups.h"
#include "recalibration_model.h"
#include "reference.h"

typedef struct {
    const char *reads, *reference;
    const char **sites;
    int site_count;
} observed_files;

typedef struct observer observer;

observer *new_observer(const observed_files *files, htsThreadPool *threads);
void observer_free(observer *to);

/* Counts all records, one after the other. */
void observe_all(observer *to);

/* Counts the records of a contig. */
void observe_contig(observer *to, const hts_idx_t *index, int contig);

const bam_reader *observed_reads(const observer *to);
recalibration_model *observed_model(const observer *to);

#endif
