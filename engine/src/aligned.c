/* aligned: what is to be checked and counted in the aligner's stream, on its way to a BAM whose header has M5s. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bam_io.h"
#include "error.h"
#include "memory.h"
#include "options.h"
#include "output.h"
#include "read_groups.h"
#include "subcommands.h"

typedef struct {
    const char *input, *name, *dictionary, *output, *counts;
    int level, threads;
} aligned_options;

typedef struct {
    uint64_t records, primary, mapped, paired, ungrouped;
} stream_counts;

static aligned_options parse(int argc, char **argv)
{
    aligned_options options = {.level = 1, .threads = 1};
    for (int option; (option = getopt(argc, argv, "i:n:d:o:c:l:@:")) != -1;)
        switch (option) {
        case 'i': options.input = optarg; break;
        case 'n': options.name = optarg; break;
        case 'd': options.dictionary = optarg; break;
        case 'o': options.output = optarg; break;
        case 'c': options.counts = optarg; break;
        case 'l': options.level = compression_level(optarg); break;
        case '@': options.threads = thread_count(optarg); break;
        default: fail_option(argv[0]);
        }
    require_no_words(argc, argv);
    require_option("-i", options.input);
    require_option("-d", options.dictionary);
    require_option("-o", options.output);
    require_option("-c", options.counts);
    return options;
}

static sam_hdr_t *read_dictionary(const char *name)
{
    samFile *file = sam_open(name, "r");
    sam_hdr_t *dictionary = file ? sam_hdr_read(file) : NULL;
    if (!dictionary)
        fail("%s cannot be read as a sequence dictionary: index the reference again", name);
    sam_close(file);
    return dictionary;
}

/* Adds the M5 of the dictionary's @SQ line to the header's. Fails if another M5 is there. */
static void copy_md5(const bam_reader *reader, sam_hdr_t *dictionary, const char *contig)
{
    kstring_t value = KS_INITIALIZE, present = KS_INITIALIZE;
    if (!sam_hdr_find_tag_id(dictionary, "SQ", "SN", contig, "M5", &value)) {
        bool found = !sam_hdr_find_tag_id(reader->header, "SQ", "SN", contig, "M5", &present);
        if (found && strcasecmp(present.s, value.s))
            fail("%s is of another reference: its contig %s has the M5 %s, and not %s: align the reads to the reference "
                 "of this project", reader->name, contig, present.s, value.s);
        if (!found && sam_hdr_update_line(reader->header, "SQ", "SN", contig, "M5", value.s, NULL))
            fail("the M5 of contig %s cannot be added to the header: give the job more memory", contig);
    }
    ks_free(&value);
    ks_free(&present);
}

static _Noreturn void fail_for_reference(const bam_reader *reader, const char *dictionary_name, int at,
                                         const char *contig, long long bases, const char *other, long long other_bases)
{
    fail("%s is of another reference: its contig %d is %s of %lld bases, and that of %s is %s of %lld bases: align the "
         "reads to the reference of this project", reader->name, at + 1, contig, bases, dictionary_name, other,
         other_bases);
}

/* Checks that the header has the contigs of the dictionary in their order, and adds their M5s. */
static void complete_contigs(const bam_reader *reader, sam_hdr_t *dictionary, const char *dictionary_name)
{
    int count = sam_hdr_nref(reader->header), expected = sam_hdr_nref(dictionary);
    for (int i = 0; i < count || i < expected; i++) {
        const char *contig = i < count ? sam_hdr_tid2name(reader->header, i) : "none";
        const char *other = i < expected ? sam_hdr_tid2name(dictionary, i) : "none";
        long long bases = i < count ? (long long)sam_hdr_tid2len(reader->header, i) : 0;
        long long other_bases = i < expected ? (long long)sam_hdr_tid2len(dictionary, i) : 0;
        if (strcmp(contig, other) || bases != other_bases)
            fail_for_reference(reader, dictionary_name, i, contig, bases, other, other_bases);
        copy_md5(reader, dictionary, contig);
    }
}

static void count_record(stream_counts *counts, const read_groups *groups, const bam1_t *record)
{
    uint16_t flag = record->core.flag;
    counts->records++;
    counts->ungrouped += read_group_of(groups, record) < 0;
    if (flag & (BAM_FSECONDARY | BAM_FSUPPLEMENTARY))
        return;
    counts->primary++;
    counts->mapped += !(flag & BAM_FUNMAP);
    counts->paired += (flag & BAM_FPAIRED) != 0;
}

static void write_counts(const stream_counts *counts, const char *name)
{
    FILE *stream = open_text(name);
    fprintf(stream, "records\t%ju\nprimary\t%ju\nmapped\t%ju\npaired\t%ju\n", (uintmax_t)counts->records,
            (uintmax_t)counts->primary, (uintmax_t)counts->mapped, (uintmax_t)counts->paired);
    close_text(stream, name);
}

static void copy_stream(const aligned_options *options, bam_reader *reader, bam_writer *writer)
{
    read_groups *groups = read_groups_of(reader->header);
    stream_counts counts = {0};
    bam1_t *record = new_record();
    while (read_record(reader, record)) {
        count_record(&counts, groups, record);
        write_record(writer, reader->header, record);
    }
    if (counts.ungrouped)
        fail("%ju of %ju records of %s have none of its read groups: merge its reads again", (uintmax_t)counts.ungrouped,
             (uintmax_t)counts.records, reader->name);
    write_counts(&counts, options->counts);
    bam_destroy1(record);
    read_groups_free(groups);
}

int run_aligned(int argc, char **argv)
{
    aligned_options options = parse(argc, argv);
    sam_hdr_t *dictionary = read_dictionary(options.dictionary);
    htsThreadPool threads = start_threads(options.threads);
    bam_reader *reader = open_reader(options.input, &threads);
    if (options.name)
        reader->name = options.name;
    complete_contigs(reader, dictionary, options.dictionary);
    const bam_target target = {.name = options.output, .level = options.level};
    bam_writer *writer = open_writer(&target, reader->header, &threads);
    copy_stream(&options, reader, writer);
    close_writer(writer);
    close_reader(reader);
    publish_outputs();
    stop_threads(&threads);
    sam_hdr_destroy(dictionary);
    return 0;
}
