/* finish: flags duplicates in a sorted stream, and sets NM, MD and UQ as Picard's SetNmMdAndUqTags; BAM, index, MD5. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bam_io.h"
#include "duplicate_set.h"
#include "error.h"
#include "htsjdk_tags.h"
#include "memory.h"
#include "mismatch_tags.h"
#include "options.h"
#include "output.h"
#include "record_batches.h"
#include "reference.h"
#include "subcommands.h"

typedef struct {
    const char *input, *set, *reference, *output;
    int level, threads;
} finish_options;

/* What batches of records share. The set is read, and the contig's bases are in memory, before records are changed. */
typedef struct {
    const finish_options *options;
    const bam_reader *reader;
    reference *fasta;
    duplicate_set *set;
} finisher;

static finish_options parse(int argc, char **argv)
{
    finish_options options = {.level = 1, .threads = 1};
    for (int option; (option = getopt(argc, argv, "i:s:r:o:l:@:")) != -1;)
        switch (option) {
        case 'i': options.input = optarg; break;
        case 's': options.set = optarg; break;
        case 'r': options.reference = optarg; break;
        case 'o': options.output = optarg; break;
        case 'l': options.level = compression_level(optarg); break;
        case '@': options.threads = thread_count(optarg); break;
        default: fail_option(argv[0]);
        }
    require_no_words(argc, argv);
    require_option("-i", options.input);
    require_option("-s", options.set);
    require_option("-r", options.reference);
    require_option("-o", options.output);
    return options;
}

/* Takes a record's template number from it, and flags it if the template is a duplicate. */
static void flag(const finisher *by, bam1_t *record)
{
    const char *file = by->reader->name;
    uint8_t *tag = bam_aux_get(record, TEMPLATE_TAG);
    int64_t number = tag ? bam_aux2i(tag) : -1;
    if (!tag || number < 0 || (uint64_t)number >= by->set->templates)
        fail("%s has no number of a template of %s at %s: give what mark wrote with this set, sorted by samtools sort",
             file, by->options->set, bam_get_qname(record));
    if (is_duplicate(by->set, (uint32_t)number))
        record->core.flag |= BAM_FDUP;
    else
        record->core.flag &= (uint16_t)~BAM_FDUP;
    uint8_t *kind; /* of a duplicate, by an earlier run of Picard, which removes it as well */
    if (bam_aux_del(record, tag) || ((kind = bam_aux_get(record, "DT")) && bam_aux_del(record, kind)))
        fail("the tags of %s in %s are damaged: align the reads again", bam_get_qname(record), file);
}

static void tag(const finisher *by, bam1_t *record, kstring_t *text)
{
    if (record->core.flag & BAM_FUNMAP)
        return;
    if (record->core.tid < 0)
        fail("%s has %s mapped to no contig: align the reads again", by->reader->name, bam_get_qname(record));
    int64_t length;
    const char *bases = contig_bases(by->fasta, record->core.tid, &length);
    set_mismatch_tags(record, bases, length, text, by->reader->name);
}

static void finish_batch(const void *context, record_batch *batch)
{
    kstring_t text = KS_INITIALIZE;
    for (int i = 0; i < batch->count; i++) {
        flag(context, batch->records[i]);
        tag(context, batch->records[i], &text);
        write_as_htsjdk(batch->records[i], ((const finisher *)context)->reader->name);
    }
    ks_free(&text);
}

static void begin_contig(void *context, int contig)
{
    finisher *by = context;
    /* Not earlier: mark writes the set at the end of its stream, after which samtools sort gives its first record. */
    if (!by->set)
        by->set = read_duplicates(by->options->set);
    int64_t length;
    contig_bases(by->fasta, contig, &length);
}

static void finish_stream(finisher *by, bam_reader *reader, bam_writer *writer, htsThreadPool *threads)
{
    const batch_work work = {.change = finish_batch, .begin_contig = begin_contig, .context = by};
    uint64_t records = rewrite_records(reader, writer, threads, &work);
    if (!by->set)
        by->set = read_duplicates(by->options->set);
    if (records != by->set->records)
        fail("%s has %llu records, and mark read %llu for %s: give all that mark wrote", reader->name,
             (unsigned long long)records, (unsigned long long)by->set->records, by->options->set);
}

int run_finish(int argc, char **argv)
{
    finish_options options = parse(argc, argv);
    htsThreadPool threads = start_threads(options.threads);
    bam_reader *reader = open_reader(options.input, &threads);
    require_sorted(reader);
    set_format_version(reader->header);
    add_program(reader->header, argc, argv, "NM, MD and UQ by the method of Picard 3.4 SetNmMdAndUqTags");
    bam_target target = target_with_index(options.output, options.level);
    bam_writer *writer = open_writer(&target, reader->header, &threads);
    finisher by = {.options = &options, .reader = reader, .fasta = open_reference(options.reference, reader)};
    finish_stream(&by, reader, writer, &threads);
    close_writer(writer);
    duplicate_set_free(by.set);
    close_reference(by.fasta);
    close_reader(reader);
    publish_outputs();
    stop_threads(&threads);
    free_target(&target);
    return 0;
}
