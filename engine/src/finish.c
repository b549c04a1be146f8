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
#include "reference.h"
#include "subcommands.h"

typedef struct {
    const char *input, *set, *reference, *output;
    int level, threads;
} finish_options;

static finish_options parse(int argc, char **argv)
{
    finish_options options = {.level = 1, .threads = 1};
    for (int option; (option = getopt(argc, argv, "i:s:r:o:l:@:")) != -1;)
        switch (option) {
        case 'i': options.input = optarg; break;
        case 's': options.set = optarg; break;
        case 'r': options.reference = optarg; break;
        case 'o': options.output = optarg; break;
        case 'l': options.level = whole_number("-l", optarg, 0, 9); break;
        case '@': options.threads = whole_number("-@", optarg, 1, 256); break;
        default: fail_usage("finish has wrong options: see bioinfo-assets-engine --help");
        }
    if (optind < argc)
        fail_usage("%s is not an option of finish: see bioinfo-assets-engine --help", argv[optind]);
    require_option("-i", options.input);
    require_option("-s", options.set);
    require_option("-r", options.reference);
    require_option("-o", options.output);
    return options;
}

/* Takes a record's template number from it, and flags it if the template is a duplicate. */
static void flag(bam1_t *record, const duplicate_set *set, const finish_options *options, const char *file)
{
    uint8_t *tag = bam_aux_get(record, TEMPLATE_TAG);
    int64_t number = tag ? bam_aux2i(tag) : -1;
    if (!tag || number < 0 || (uint64_t)number >= set->templates)
        fail("%s has no number of a template of %s at %s: give what mark wrote with this set, sorted by samtools sort",
             file, options->set, bam_get_qname(record));
    if (is_duplicate(set, (uint32_t)number))
        record->core.flag |= BAM_FDUP;
    else
        record->core.flag &= (uint16_t)~BAM_FDUP;
    uint8_t *kind; /* of a duplicate, by an earlier run of Picard, which removes it as well */
    if (bam_aux_del(record, tag) || ((kind = bam_aux_get(record, "DT")) && bam_aux_del(record, kind)))
        fail("the tags of %s in %s are damaged: align the reads again", bam_get_qname(record), file);
}

static void tag(bam1_t *record, const bam_reader *reader, reference *fasta, kstring_t *text)
{
    if (record->core.flag & BAM_FUNMAP)
        return;
    if (record->core.tid < 0)
        fail("%s has %s mapped to no contig: align the reads again", reader->name, bam_get_qname(record));
    int64_t length;
    const char *bases = contig_bases(fasta, record->core.tid, &length);
    set_mismatch_tags(record, bases, length, text, reader->name);
}

static void finish_stream(const finish_options *options, bam_reader *reader, bam_writer *writer)
{
    reference *fasta = open_reference(options->reference, reader);
    duplicate_set *set = NULL;
    kstring_t text = KS_INITIALIZE;
    bam1_t *record = new_record();
    uint64_t records = 0;
    for (; read_record(reader, record); records++) {
        /* Not earlier: mark writes the set at the end of its stream, after which samtools sort gives its first record. */
        if (!set)
            set = read_duplicates(options->set);
        flag(record, set, options, reader->name);
        tag(record, reader, fasta, &text);
        write_as_htsjdk(record, reader->name);
        write_record(writer, reader->header, record);
    }
    if (!set)
        set = read_duplicates(options->set);
    if (records != set->records)
        fail("%s has %llu records, and mark read %llu for %s: give all that mark wrote", reader->name,
             (unsigned long long)records, (unsigned long long)set->records, options->set);
    bam_destroy1(record);
    ks_free(&text);
    duplicate_set_free(set);
    close_reference(fasta);
}

int run_finish(int argc, char **argv)
{
    finish_options options = parse(argc, argv);
    htsThreadPool threads = start_threads(options.threads);
    bam_reader *reader = open_reader(options.input, &threads);
    require_sorted(reader);
    add_program(reader->header, argc, argv, "NM, MD and UQ by the method of Picard 3.4 SetNmMdAndUqTags");
    bool is_file = strcmp(options.output, "-");
    char *index = is_file ? format_text("%s.bai", options.output) : NULL;
    char *md5 = is_file ? format_text("%s.md5", options.output) : NULL;
    const bam_target target = {options.output, options.level, index, md5};
    bam_writer *writer = open_writer(&target, reader->header, &threads);
    finish_stream(&options, reader, writer);
    close_writer(writer);
    close_reader(reader);
    publish_outputs();
    stop_threads(&threads);
    free(index);
    free(md5);
    return 0;
}
