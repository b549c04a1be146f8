/* mark: finds duplicates in the aligner's stream, as Picard's MarkDuplicates, while the stream goes on to be sorted. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bam_io.h"
#include "duplicates.h"
#include "error.h"
#include "memory.h"
#include "options.h"
#include "output.h"
#include "subcommands.h"
#include "templates.h"

static const char METHOD[] = "duplicates by the method of Picard 3.4 MarkDuplicates";

typedef struct {
    const char *input, *set, *metrics, *counts, *folder;
    int distance, memory, threads;
} mark_options;

typedef struct {
    const mark_options *options;
    const read_groups *groups;
    template_stream *stream;
    duplicate_finder *finder;
    duplication *counts;
    uint64_t records;
} marking;

static mark_options parse(int argc, char **argv)
{
    const char *folder = getenv("TMPDIR");
    mark_options options = {.folder = folder && *folder ? folder : "/tmp", .distance = 2500, .memory = 1024, .threads = 1};
    for (int option; (option = getopt(argc, argv, "i:s:m:c:d:M:T:@:")) != -1;)
        switch (option) {
        case 'i': options.input = optarg; break;
        case 's': options.set = optarg; break;
        case 'm': options.metrics = optarg; break;
        case 'c': options.counts = optarg; break;
        case 'd': options.distance = whole_number("-d", optarg, 0, 1 << 30); break;
        case 'M': options.memory = whole_number("-M", optarg, 1, 1 << 20); break;
        case 'T': options.folder = optarg; break;
        case '@': options.threads = thread_count(optarg); break;
        default: fail_option(argv[0]);
        }
    require_no_words(argc, argv);
    require_option("-i", options.input);
    require_option("-s", options.set);
    require_option("-m", options.metrics);
    return options;
}

static bool is_primary(const bam1_t *record)
{
    return !(record->core.flag & (BAM_FSECONDARY | BAM_FSUPPLEMENTARY));
}

static bool has_mapped_mate(const bam1_t *record)
{
    return (record->core.flag & BAM_FPAIRED) && !(record->core.flag & BAM_FMUNMAP);
}

/* Picard fails as well if a record has no read group. */
static int group_of(const marking *mark, const bam1_t *record)
{
    int group = read_group_of(mark->groups, record);
    const char *id = read_group_name(record);
    if (group < 0)
        fail("%s has the read %s with %s%s: align it again with the read groups of its sample", mark->stream->reader->name,
             bam_get_qname(record), id ? "a read group that its header has not, " : "no read group", id ? id : "");
    return group;
}

static void count_record(marking *mark, const bam1_t *record, int group)
{
    library_counts *counts = &mark->counts->libraries[mark->counts->of_group[group]];
    if (record->core.flag & BAM_FUNMAP)
        counts->unmapped++;
    else if (!is_primary(record))
        counts->secondary_or_supplementary++;
    else if (has_mapped_mate(record))
        counts->paired++;
    else
        counts->unpaired++;
}

/* Two reads 1, say, are no template; Picard would take them for a pair or for two reads. */
static void require_one_template(const marking *mark)
{
    int first = 0, second = 0, single = 0;
    for (size_t i = 0; i < mark->stream->count; i++) {
        const bam1_t *record = mark->stream->records[i];
        if (!is_primary(record))
            continue;
        single += !(record->core.flag & BAM_FPAIRED);
        first += (record->core.flag & BAM_FPAIRED) && (record->core.flag & BAM_FREAD1);
        second += (record->core.flag & BAM_FPAIRED) && !(record->core.flag & BAM_FREAD1);
    }
    if (first > 1 || second > 1 || single > 1 || (single && first + second))
        fail_several_primaries(mark->stream);
}

static read_end end_of(const marking *mark, const bam1_t *record, int group)
{
    flow_cell_place place = place_in_name(bam_get_qname(record), (uint16_t)group);
    return end_of_record(record, mark->stream->number, mark->counts->of_group[group], place);
}

static void mark_template(marking *mark)
{
    read_end ends[2];
    bool read1_last = false;
    int mated = 0;
    require_one_template(mark);
    for (size_t i = 0; i < mark->stream->count; i++) {
        const bam1_t *record = mark->stream->records[i];
        int group = group_of(mark, record);
        count_record(mark, record, group);
        if ((record->core.flag & BAM_FUNMAP) || !is_primary(record))
            continue;
        read_end end = end_of(mark, record, group);
        if (!has_mapped_mate(record)) {
            add_single(mark->finder, &end);
            continue;
        }
        read1_last = record->core.flag & BAM_FREAD1;
        ends[mated++] = end;
    }
    if (mated == 2) {
        read_end pair = pair_of_ends(&ends[0], &ends[1], read1_last);
        add_pair(mark->finder, &pair);
    } else if (mated == 1) {
        note_stray(mark->stream);
        add_single(mark->finder, &ends[0]);
    }
}

static void pass_on(marking *mark, bam_writer *writer)
{
    for (size_t i = 0; i < mark->stream->count; i++) {
        bam1_t *record = mark->stream->records[i];
        if (bam_aux_get(record, TEMPLATE_TAG))
            fail("%s has the tag %s in %s, which is used between mark and finish: remove it with samtools view -x %s",
                 mark->stream->reader->name, TEMPLATE_TAG, bam_get_qname(record), TEMPLATE_TAG);
        if (bam_aux_append(record, TEMPLATE_TAG, 'I', sizeof mark->stream->number, (uint8_t *)&mark->stream->number))
            fail("%s in %s has no room for a tag: check its size", bam_get_qname(record), mark->stream->reader->name);
        write_record(writer, mark->stream->reader->header, record);
        mark->records++;
    }
}

static void write_count(uint64_t records, const char *name)
{
    FILE *stream = open_text(name);
    fprintf(stream, "records\t%ju\n", (uintmax_t)records);
    close_text(stream, name);
}

static void write_results(marking *mark)
{
    duplicate_set *set = duplicate_set_new(templates_read(mark->stream));
    set->records = mark->records;
    find_duplicates(mark->finder, set, mark->counts);
    write_duplicates(set, mark->options->set);
    write_duplication(mark->counts, mark->options->metrics, mark->options->input);
    if (mark->options->counts)
        write_count(mark->records, mark->options->counts);
    publish_outputs();
    duplicate_set_free(set);
}

static void mark_stream(const mark_options *options, bam_reader *reader, bam_writer *writer)
{
    read_groups *groups = read_groups_of(reader->header);
    marking mark = {
        .options = options,
        .groups = groups,
        .stream = template_stream_new(reader),
        .finder = duplicate_finder_new((size_t)options->memory << 20, options->folder, options->distance),
        .counts = duplication_new(groups),
    };
    while (next_template(mark.stream)) {
        mark_template(&mark);
        pass_on(&mark, writer);
    }
    write_results(&mark);
    template_stream_free(mark.stream);
    duplicate_finder_free(mark.finder);
    duplication_free(mark.counts);
    read_groups_free(groups);
}

int run_mark(int argc, char **argv)
{
    mark_options options = parse(argc, argv);
    /* finish must not take an earlier run's set for this one's. */
    if (unlink(options.set) && errno != ENOENT)
        fail("%s cannot be replaced (%s): check its folder", options.set, strerror(errno));
    htsThreadPool threads = start_threads(options.threads);
    bam_reader *reader = open_reader(options.input, &threads);
    add_program(reader->header, argc, argv, METHOD);
    const bam_target target = {.name = "-", .level = 0};
    bam_writer *writer = open_writer(&target, reader->header, &threads);
    mark_stream(&options, reader, writer);
    /* Last, because `finish` reads the set once samtools sort has seen the end of this stream. */
    close_writer(writer);
    close_reader(reader);
    stop_threads(&threads);
    return 0;
}
