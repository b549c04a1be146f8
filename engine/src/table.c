/* Subcommand table: the recalibration table of a sorted BAM, as GATK's BaseRecalibrator makes it. */
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "error.h"
#include "memory.h"
#include "observer.h"
#include "options.h"
#include "output.h"
#include "recalibration_table.h"
#include "subcommands.h"

typedef struct {
    observed_files files;
    const char *output;
    int threads;
} table_options;

/* A thread that counts one contig after the other, until none is left. */
typedef struct {
    pthread_t thread;
    observer *to;
    const hts_idx_t *index;
    atomic_int *next_contig;
} worker;

static table_options parse(int argc, char **argv)
{
    table_options options = {.threads = 1, .files.sites = allocate(argc, sizeof(char *))};
    int option;
    while ((option = getopt(argc, argv, "i:r:k:o:@:")) != -1) {
        switch (option) {
        case 'i':
            options.files.reads = optarg;
            break;
        case 'r':
            options.files.reference = optarg;
            break;
        case 'k':
            options.files.sites[options.files.site_count++] = optarg;
            break;
        case 'o':
            options.output = optarg;
            break;
        case '@':
            options.threads = thread_count(optarg);
            break;
        default:
            fail_option(argv[0]);
        }
    }
    require_option("-i", options.files.reads);
    require_option("-r", options.files.reference);
    require_option("-k", options.files.site_count ? options.files.sites[0] : NULL);
    require_option("-o", options.output);
    require_no_words(argc, argv);
    return options;
}

static void *work(void *argument)
{
    worker *of = argument;
    int contigs = sam_hdr_nref(observed_reads(of->to)->header), contig;
    while ((contig = atomic_fetch_add(of->next_contig, 1)) < contigs)
        observe_contig(of->to, of->index, contig);
    return NULL;
}

/* Counts are whole numbers, so that their sums do not depend on the threads. */
static void observe_in_threads(const table_options *options, observer *first, const hts_idx_t *index)
{
    worker *workers = allocate(options->threads, sizeof *workers);
    htsThreadPool none = {NULL, 0};
    atomic_int next_contig = 0;
    for (int i = 0; i < options->threads; i++) {
        observer *to = i ? new_observer(&options->files, &none) : first;
        workers[i] = (worker){.to = to, .index = index, .next_contig = &next_contig};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
            fail("%d threads cannot be started: ask for fewer", options->threads);
    }
    for (int i = 0; i < options->threads; i++) {
        pthread_join(workers[i].thread, NULL);
        if (i) {
            add_model(observed_model(first), observed_model(workers[i].to));
            observer_free(workers[i].to);
        }
    }
    free(workers);
}

static void observe_reads(const table_options *options, observer *to)
{
    const bam_reader *reads = observed_reads(to);
    hts_idx_t *index = NULL;
    if (options->threads > 1)
        index = sam_index_load3(reads->file, options->files.reads, NULL, HTS_IDX_SILENT_FAIL);
    if (index) {
        observe_in_threads(options, to, index);
        hts_idx_destroy(index);
    } else {
        observe_all(to);
    }
}

int run_table(int argc, char **argv)
{
    table_options options = parse(argc, argv);
    htsThreadPool none = {NULL, 0};
    observer *to = new_observer(&options.files, &none);
    observe_reads(&options, to);
    sum_model(observed_model(to));
    write_recalibration_table(options.output, observed_model(to));
    observer_free(to);
    free(options.files.sites);
    publish_outputs();
    return 0;
}
