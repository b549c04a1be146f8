/* Records of a BAM that are changed by threads, in batches that keep their order. */
#ifndef RECORD_BATCHES_H
#define RECORD_BATCHES_H

#include "bam_io.h"

enum { RECORDS_A_BATCH = 512 };

/* Records of one contig, or of none (-1). */
typedef struct {
    int contig, count;
    bam1_t *records[RECORDS_A_BATCH];
    bool kept[RECORDS_A_BATCH]; /* all of them, until the change of a batch leaves one out */
} record_batch;

typedef struct {
    /* Changes the records of a batch, in any thread, beside others. */
    void (*change)(const void *context, record_batch *batch);
    /* Makes ready for the records of a contig, while no batch is being changed; or null. */
    void (*begin_contig)(void *context, int contig);
    void *context;
} batch_work;

/* Reads all records, changes them, and writes those that are kept, in the order of the input. Without a pool, batch after batch
   in this thread. Returns how many were read. */
uint64_t rewrite_records(bam_reader *reads, bam_writer *writer, htsThreadPool *threads, const batch_work *work);

#endif
