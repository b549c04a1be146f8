/* Subcommand metrics: Picard's tables of alignments and of insert sizes in one pass. */
#include <getopt.h>

#include "alignment_metrics.h"
#include "bam_io.h"
#include "error.h"
#include "insert_sizes.h"
#include "options.h"
#include "output.h"
#include "reference.h"
#include "subcommands.h"

typedef struct {
    const char *input, *reference, *alignment, *inserts;
    int threads;
} metrics_options;

static metrics_options parse(int argc, char **argv)
{
    metrics_options options = {.threads = 1};
    int option;
    while ((option = getopt(argc, argv, "i:r:a:s:@:")) != -1) {
        switch (option) {
        case 'i':
            options.input = optarg;
            break;
        case 'r':
            options.reference = optarg;
            break;
        case 'a':
            options.alignment = optarg;
            break;
        case 's':
            options.inserts = optarg;
            break;
        case '@':
            options.threads = thread_count(optarg);
            break;
        default:
            fail_option(argv[0]);
        }
    }
    require_option("-i", options.input);
    require_option("-a or -s", options.alignment ? options.alignment : options.inserts);
    if (options.alignment)
        require_option("-r", options.reference);
    require_no_words(argc, argv);
    return options;
}

static void collect_all(bam_reader *reads, reference *fasta, alignment_metrics *alignment, insert_sizes *inserts)
{
    bam1_t *record = new_record();
    while (read_record(reads, record)) {
        if (alignment) {
            int64_t length;
            const char *bases = contig_bases(fasta, record->core.tid, &length);
            collect_alignment(alignment, record, bases, length);
        }
        if (inserts)
            collect_insert_size(inserts, record);
    }
    bam_destroy1(record);
}

int run_metrics(int argc, char **argv)
{
    metrics_options options = parse(argc, argv);
    htsThreadPool threads = start_threads(options.threads);
    bam_reader *reads = open_reader(options.input, &threads);
    require_sorted(reads);
    reference *fasta = options.alignment ? open_reference(options.reference, reads) : NULL;
    alignment_metrics *alignment = options.alignment ? new_alignment_metrics() : NULL;
    insert_sizes *inserts = options.inserts ? new_insert_sizes() : NULL;
    collect_all(reads, fasta, alignment, inserts);
    if (alignment) {
        write_alignment_metrics(alignment, options.alignment, reads->name);
        alignment_metrics_free(alignment);
        close_reference(fasta);
    }
    if (inserts) {
        write_insert_sizes(inserts, options.inserts, reads->name);
        insert_sizes_free(inserts);
    }
    close_reader(reads);
    stop_threads(&threads);
    publish_outputs();
    return 0;
}
