#include "record_batches.h"

#include <stdlib.h>

#include "error.h"
#include "memory.h"

enum { BATCHES_A_THREAD = 3 }; /* one at work, one that waits for it, one that waits to be written */

/* A batch with what is done to it. */
typedef struct {
    record_batch batch;
    const batch_work *work;
} task;

/* Batches on their way from the reader through the threads to the writer: from number `written` to before number `started`. */
typedef struct {
    bam_reader *reads;
    bam_writer *writer;
    bam1_t *ahead; /* the first record of the next batch, if has_ahead */
    bool has_ahead;
    hts_tpool *pool; /* null for none, and the queue with it */
    hts_tpool_process *queue;
    task *tasks;
    uint64_t size, started, written, records;
} task_ring;

static task *task_at(const task_ring *ring, uint64_t number) { return &ring->tasks[number % ring->size]; }

static task_ring new_ring(bam_reader *reads, bam_writer *writer, hts_tpool *pool, const batch_work *work)
{
    task_ring ring = {.reads = reads, .writer = writer, .ahead = new_record(), .pool = pool, .size = 1};
    if (pool) {
        ring.size = BATCHES_A_THREAD * (uint64_t)hts_tpool_size(pool);
        ring.queue = hts_tpool_process_init(pool, (int)ring.size, 0);
        if (!ring.queue)
            fail("threads cannot be given records: give the job more memory");
    }
    ring.tasks = allocate(ring.size, sizeof *ring.tasks);
    for (uint64_t i = 0; i < ring.size; i++) {
        ring.tasks[i].work = work;
        for (int j = 0; j < RECORDS_A_BATCH; j++)
            ring.tasks[i].batch.records[j] = new_record();
    }
    return ring;
}

static void free_ring(task_ring *ring)
{
    if (ring->queue)
        hts_tpool_process_destroy(ring->queue);
    for (uint64_t i = 0; i < ring->size; i++)
        for (int j = 0; j < RECORDS_A_BATCH; j++)
            bam_destroy1(ring->tasks[i].batch.records[j]);
    free(ring->tasks);
    bam_destroy1(ring->ahead);
}

static bool read_ahead(task_ring *ring)
{
    if (!ring->has_ahead)
        ring->has_ahead = read_record(ring->reads, ring->ahead);
    return ring->has_ahead;
}

/* Whether there was a record to read. */
static bool fill(task_ring *ring, record_batch *batch)
{
    batch->count = 0;
    while (batch->count < RECORDS_A_BATCH && read_ahead(ring)) {
        if (!batch->count)
            batch->contig = ring->ahead->core.tid;
        if (batch->contig != ring->ahead->core.tid)
            break;
        bam1_t *room = batch->records[batch->count];
        batch->records[batch->count] = ring->ahead;
        batch->kept[batch->count++] = true;
        ring->ahead = room;
        ring->has_ahead = false;
    }
    ring->records += (uint64_t)batch->count;
    return batch->count > 0;
}

static void *run(void *argument)
{
    task *own = argument;
    own->work->change(own->work->context, &own->batch);
    return own;
}

/* The queue has room for all batches of the ring, so that this does not wait. */
static void start_next(task_ring *ring)
{
    task *own = task_at(ring, ring->started++);
    if (!ring->pool)
        run(own);
    else if (hts_tpool_dispatch(ring->pool, ring->queue, run, own))
        fail("records cannot be given to a thread: give the job more memory");
}

/* Results come in the order in which batches were started. */
static void write_oldest(task_ring *ring)
{
    const record_batch *batch = &task_at(ring, ring->written++)->batch;
    if (ring->pool) {
        hts_tpool_result *result = hts_tpool_next_result_wait(ring->queue);
        if (!result)
            fail("a thread gave no records back: run this again");
        hts_tpool_delete_result(result, 0);
    }
    for (int i = 0; i < batch->count; i++)
        if (batch->kept[i])
            write_record(ring->writer, ring->reads->header, batch->records[i]);
}

static void write_all(task_ring *ring)
{
    while (ring->written < ring->started)
        write_oldest(ring);
}

uint64_t rewrite_records(bam_reader *reads, bam_writer *writer, htsThreadPool *threads, const batch_work *work)
{
    task_ring ring = new_ring(reads, writer, threads->pool, work);
    int contig = -1;
    for (record_batch *next; fill(&ring, next = &task_at(&ring, ring.started)->batch);) {
        if (work->begin_contig && (!ring.started || next->contig != contig)) {
            write_all(&ring);
            work->begin_contig(work->context, contig = next->contig);
        }
        start_next(&ring);
        if (ring.started - ring.written == ring.size)
            write_oldest(&ring);
    }
    write_all(&ring);
    uint64_t records = ring.records;
    free_ring(&ring);
    return records;
}
