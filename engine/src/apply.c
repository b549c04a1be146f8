/* Subcommand apply: a BAM with the qualities that a recalibration table gives, as GATK's ApplyBQSR makes them with
   --use-original-qualities and --allow-missing-read-group. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bam_io.h"
#include "error.h"
#include "htsjdk_tags.h"
#include "memory.h"
#include "options.h"
#include "output.h"
#include "read_filter.h"
#include "record_batches.h"
#include "recalibrated_qualities.h"
#include "recalibration_table.h"
#include "subcommands.h"

static const char METHOD[] = "base qualities recalibrated by the method of GATK 4.6.2 ApplyBQSR";

typedef struct {
    const char *input, *table, *output;
    int threads, level, quantized_count;
    bool drops_malformed;
    int *quantized;
} apply_options;

typedef struct {
    bam_reader *reads;
    read_groups *groups;
    recalibration_model *model;
    recalibrated_qualities *qualities;
    bool drops_malformed;
} recalibrator;

static void remove_tag(bam1_t *record, const char *name)
{
    uint8_t *tag = bam_aux_get(record, name);
    if (tag && bam_aux_del(record, tag))
        fail("record %s has damaged tags: write the BAM again", bam_get_qname(record));
}

/* Records that are not well-formed are left out, as GATK does without a word, only if that is asked for. */
static bool is_kept(const recalibrator *by, const bam1_t *record)
{
    bool kept = is_wellformed(by->reads->header, record);
    if (!kept && !by->drops_malformed)
        fail("record %s of %s has no bases, qualities or read group, an N in its CIGAR, or a CIGAR of another length than "
             "its bases, and GATK would leave it out: correct it, or leave such records out with -w",
             bam_get_qname(record), by->reads->name);
    return kept;
}

static void recalibrate(const recalibrator *by, read_covariates *covariates, bam1_t *record)
{
    int group = read_group_of(by->groups, record), length = record->core.l_qseq;
    if (group < 0)
        fail("record %s of %s has no read group of the header: add one (samtools addreplacerg)", bam_get_qname(record),
             by->reads->name);
    /* Qualities of insertions and deletions, which other versions of GATK wrote. */
    remove_tag(record, "BI");
    remove_tag(record, "BD");
    load_bases(covariates, record, 0, length);
    compute_covariates(covariates, record);
    recalibrate_bases(by->qualities, by->model, group, covariates);
    memcpy(bam_get_qual(record), covariates->qualities, length);
}

static void recalibrate_batch(const void *context, record_batch *batch)
{
    const recalibrator *by = context;
    read_covariates covariates = {0};
    for (int i = 0; i < batch->count; i++) {
        batch->kept[i] = is_kept(by, batch->records[i]);
        if (!batch->kept[i])
            continue;
        recalibrate(by, &covariates, batch->records[i]);
        write_as_htsjdk(batch->records[i], by->reads->name);
    }
    read_covariates_free(&covariates);
}

static apply_options parse(int argc, char **argv)
{
    apply_options options = {.threads = 1, .level = 1, .quantized = allocate(argc, sizeof(int))};
    int option;
    while ((option = getopt(argc, argv, "i:t:o:q:l:w@:")) != -1) {
        switch (option) {
        case 'i':
            options.input = optarg;
            break;
        case 't':
            options.table = optarg;
            break;
        case 'o':
            options.output = optarg;
            break;
        case 'q':
            options.quantized[options.quantized_count++] = whole_number("-q", optarg, 1, QUALITIES - 1);
            break;
        case 'l':
            options.level = compression_level(optarg);
            break;
        case 'w':
            options.drops_malformed = true;
            break;
        case '@':
            options.threads = thread_count(optarg);
            break;
        default:
            fail_option(argv[0]);
        }
    }
    require_option("-i", options.input);
    require_option("-t", options.table);
    require_option("-o", options.output);
    require_no_words(argc, argv);
    return options;
}

int run_apply(int argc, char **argv)
{
    apply_options options = parse(argc, argv);
    htsThreadPool threads = start_threads(options.threads);
    recalibrator by = {.reads = open_reader(options.input, &threads), .drops_malformed = options.drops_malformed};
    bam_target target = target_with_index(options.output, options.level);
    if (target.index)
        require_sorted(by.reads);
    by.groups = read_groups_of(by.reads->header);
    by.model = read_recalibration_table(options.table, by.groups, by.reads->name);
    by.qualities = recalibrate_model(by.model, options.quantized, options.quantized_count);
    set_format_version(by.reads->header);
    add_program(by.reads->header, argc, argv, METHOD);
    bam_writer *writer = open_writer(&target, by.reads->header, &threads);
    rewrite_records(by.reads, writer, &threads, &(batch_work){.change = recalibrate_batch, .context = &by});
    close_writer(writer);
    recalibrated_qualities_free(by.qualities);
    model_free(by.model);
    read_groups_free(by.groups);
    close_reader(by.reads);
    stop_threads(&threads);
    free(options.quantized);
    free_target(&target);
    publish_outputs();
    return 0;
}
