/* merge: the lanes of a sample as one pair of FASTQs; the reads of each pair are checked to be of one name. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <htslib/bgzf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bam_io.h"
#include "error.h"
#include "lanes_of_names.h"
#include "lines.h"
#include "memory.h"
#include "options.h"
#include "output.h"
#include "subcommands.h"

static const char AGAIN[] = ": copy it again from its source";
static const char BOTH_AGAIN[] = ": copy both again from their source";

enum { LANE_WORDS = 5 };

typedef struct {
    const char *outputs[2];
    int threads, lane_count;
    char **lanes; /* LANE_WORDS for each: the files, what sentences call them, the read group */
} merge_options;

/* One lane's two files, read and written line by line. */
typedef struct {
    line_reader *reads[2];
    BGZF *outputs[2];
    const char *const *output_names;
    const char *group;
    size_t lengths[2]; /* of this record's bases */
    uint64_t lines;    /* read of the first file: the number of the line at hand */
    lane_names names;
    kstring_t text;
} lane;

static merge_options parse(int argc, char **argv)
{
    merge_options options = {.threads = 1};
    for (int option; (option = getopt(argc, argv, "1:2:@:")) != -1;)
        switch (option) {
        case '1': options.outputs[0] = optarg; break;
        case '2': options.outputs[1] = optarg; break;
        case '@': options.threads = thread_count(optarg); break;
        default: fail_option(argv[0]);
        }
    require_option("-1", options.outputs[0]);
    require_option("-2", options.outputs[1]);
    options.lanes = argv + optind;
    options.lane_count = (argc - optind) / LANE_WORDS;
    if (optind == argc || (argc - optind) % LANE_WORDS)
        fail_usage("merge needs five words for each lane: both files, both names and the read group");
    return options;
}

static _Noreturn void fail_malformed(const lane *of, int file, uint64_t line)
{
    fail("%s is not FASTQ at line %" PRIu64 "%s", lines_name(of->reads[file]), line, AGAIN);
}

/* Whether all lines that are left are blank. */
static bool rest_is_blank(line_reader *reader)
{
    while (next_line(reader))
        if (this_line(reader)->l)
            return false;
    return true;
}

/* Reads the second file's line of the number of the first one's. */
static const kstring_t *second_line(lane *of)
{
    bool starts_record = of->lines % 4 == 1;
    if (next_line(of->reads[1]) && (this_line(of->reads[1])->l || !starts_record))
        return this_line(of->reads[1]);
    if (!starts_record)
        fail("%s ends within a record, at line %" PRIu64 "%s", lines_name(of->reads[1]), of->lines - 1, AGAIN);
    if (!rest_is_blank(of->reads[1]))
        fail_malformed(of, 1, of->lines);
    fail("%s has more reads than %s, which ends after %" PRIu64 "%s", lines_name(of->reads[0]), lines_name(of->reads[1]),
         (of->lines - 1) / 4, BOTH_AGAIN);
}

/* A BAM can hold names of 254 characters (SAM specification, section 1.4). */
static void require_short_name(const lane *of, int file, const kstring_t *line)
{
    size_t length = strcspn(line->s, " \t") - 1;
    if (length > 254)
        fail("%s has a read name of %zu characters at line %" PRIu64 ", and a BAM can hold 254: shorten the names of its "
             "reads", lines_name(of->reads[file]), length, of->lines);
}

/* Returns the bases with N for the dots of old files. */
static const kstring_t *known_bases(lane *of, int file, const kstring_t *line)
{
    if (!line->l)
        fail("%s has a read without bases at line %" PRIu64 ": remove such pairs with `cutadapt -m 1`",
             lines_name(of->reads[file]), of->lines);
    ks_clear(&of->text);
    if (kputsn(line->s, line->l, &of->text) < 0)
        fail("there is no memory for a read's bases: give the job more memory");
    for (char *base = of->text.s; *base; base++)
        if (*base == '.')
            *base = 'N';
        else if (!isalpha((unsigned char)*base))
            fail("%s has a character that is not a base at line %" PRIu64 ": write unknown bases as N, or copy it again "
                 "from its source", lines_name(of->reads[file]), of->lines);
    if (strlen(of->text.s) != line->l)
        fail_malformed(of, file, of->lines);
    return &of->text;
}

static void require_qualities(const lane *of, int file, const kstring_t *line)
{
    for (size_t i = 0; i < line->l; i++)
        if (line->s[i] < '!' || line->s[i] > '~')
            fail("%s has a character that is not a quality at line %" PRIu64 "%s", lines_name(of->reads[file]), of->lines,
                 AGAIN);
}

static void put(lane *of, int file, const char *bytes, size_t size)
{
    if (bgzf_write(of->outputs[file], bytes, size) != (ssize_t)size)
        fail("%s could not be written: check the space on its disk", of->output_names[file]);
}

static void put_line(lane *of, int file, const kstring_t *line)
{
    put(of, file, line->s ? line->s : "", line->l);
    put(of, file, "\n", 1);
}

static bool starts_read(const kstring_t *line)
{
    return line->l > 1 && line->s[0] == '@' && line->s[1] != ' ' && line->s[1] != '\t';
}

static void require_unix_lines(const lane *of, int file, const kstring_t *line)
{
    if (line->l && line->s[line->l - 1] == '\r')
        fail("%s has Windows line ends: rewrite it with `zcat FILE | tr -d '\\r' | gzip > NEW`",
             lines_name(of->reads[file]));
}

static bool ends_in_number(const char *name, size_t length, const char *before, char number)
{
    return length > 1 && name[length - 1] == number && strchr(before, name[length - 2]);
}

/* The length of the name that both reads have, without /1 and /2, or .1 and .2 as the SRA writes them. */
static size_t pair_name_length(const lane *of, const kstring_t *first, const kstring_t *second)
{
    size_t length = strcspn(first->s, " \t"), other = strcspn(second->s, " \t");
    bool same = length == other && !memcmp(first->s, second->s, length);
    if (same && !ends_in_number(first->s, length, "/", '1') && !ends_in_number(first->s, length, "/", '2'))
        return length;
    if (length == other && ends_in_number(first->s, length, "/.", '1') && ends_in_number(second->s, other, "/.", '2')
        && !memcmp(first->s, second->s, length - 2))
        return length - 2;
    fail("%s and %s do not hold the same pairs: record %" PRIu64 " is %.*s in the first and %.*s in the second; give the "
         "files as the sequencer wrote them, or put both in the same order", lines_name(of->reads[0]),
         lines_name(of->reads[1]), (of->lines + 3) / 4, (int)length - 1, first->s + 1, (int)other - 1, second->s + 1);
}

static void merge_names(lane *of, const kstring_t *first)
{
    if (of->lines == 1)
        require_unix_lines(of, 0, first);
    if (!starts_read(first))
        fail_malformed(of, 0, of->lines);
    const kstring_t *second = second_line(of);
    if (!starts_read(second))
        fail_malformed(of, 1, of->lines);
    if (of->lines == 1)
        require_unix_lines(of, 1, second);
    require_short_name(of, 0, first);
    require_short_name(of, 1, second);
    size_t length = pair_name_length(of, first, second);
    note_name(&of->names, first->s, length, of->lines == 1);
    ks_clear(&of->text);
    if (kputsn(first->s, length, &of->text) < 0 || ksprintf(&of->text, "\tRG:Z:%s", of->group) < 0)
        fail("there is no memory for a read's name: give the job more memory");
    put_line(of, 0, &of->text);
    put_line(of, 1, &of->text);
}

static void merge_bases(lane *of, const kstring_t *first)
{
    of->lengths[0] = first->l;
    put_line(of, 0, known_bases(of, 0, first));
    const kstring_t *second = second_line(of);
    of->lengths[1] = second->l;
    put_line(of, 1, known_bases(of, 1, second));
}

static void merge_third_lines(lane *of, const kstring_t *first)
{
    if (!first->l || *first->s != '+')
        fail_malformed(of, 0, of->lines);
    const kstring_t *second = second_line(of);
    if (!second->l || *second->s != '+')
        fail_malformed(of, 1, of->lines);
    put(of, 0, "+\n", 2);
    put(of, 1, "+\n", 2);
}

static void merge_qualities(lane *of, const kstring_t *first)
{
    if (first->l != of->lengths[0])
        fail_malformed(of, 0, of->lines);
    require_qualities(of, 0, first);
    const kstring_t *second = second_line(of);
    if (second->l != of->lengths[1])
        fail_malformed(of, 1, of->lines);
    require_qualities(of, 1, second);
    put_line(of, 0, first);
    put_line(of, 1, second);
}

static void merge_line(lane *of, const kstring_t *first)
{
    switch (of->lines % 4) {
    case 1: merge_names(of, first); break;
    case 2: merge_bases(of, first); break;
    case 3: merge_third_lines(of, first); break;
    default: merge_qualities(of, first);
    }
}

/* Merges all lines of a lane, and returns the number of its pairs. Blank lines may follow the last record. */
static uint64_t merge_lines(lane *of)
{
    const char *first = lines_name(of->reads[0]), *second = lines_name(of->reads[1]);
    while (next_line(of->reads[0])) {
        of->lines++;
        if (!this_line(of->reads[0])->l && of->lines % 4 == 1) {
            if (!rest_is_blank(of->reads[0]))
                fail_malformed(of, 0, of->lines);
            of->lines--;
            break;
        }
        merge_line(of, this_line(of->reads[0]));
    }
    if (of->lines % 4)
        fail("%s ends within a record, at line %" PRIu64 "%s", first, of->lines, AGAIN);
    if (!rest_is_blank(of->reads[1]))
        fail("%s has more reads than %s, which ends after %" PRIu64 "%s", second, first, of->lines / 4, BOTH_AGAIN);
    if (!of->lines)
        fail("%s and %s hold no reads: leave this lane out", first, second);
    return of->lines / 4;
}

/* What the script reads: lines `pairs GROUP N`, and `lanes NAME N` for a file of several lanes of a flow cell. */
static void merge_lane(char **words, const merge_options *options, BGZF *const *outputs)
{
    lane of = {
        .reads = {open_lines(words[0], words[2]), open_lines(words[1], words[3])},
        .outputs = {outputs[0], outputs[1]},
        .output_names = options->outputs,
        .group = words[4],
    };
    printf("pairs\t%s\t%" PRIu64 "\n", of.group, merge_lines(&of));
    if (of.names.count > 1)
        printf("lanes\t%s\t%zu\n", lines_name(of.reads[0]), of.names.count);
    close_lines(of.reads[0]);
    close_lines(of.reads[1]);
    lane_names_free(&of.names);
    ks_free(&of.text);
}

static BGZF *open_output(const char *name, htsThreadPool *threads)
{
    BGZF *output = bgzf_open(new_output(name), "w1"); /* they are read once */
    if (!output || (threads->pool && bgzf_thread_pool(output, threads->pool, 0)))
        fail("%s cannot be written (%s): check its folder", name, strerror(errno));
    return output;
}

int run_merge(int argc, char **argv)
{
    merge_options options = parse(argc, argv);
    htsThreadPool threads = start_threads(options.threads);
    BGZF *outputs[2];
    for (int i = 0; i < 2; i++)
        outputs[i] = open_output(options.outputs[i], &threads);
    for (int i = 0; i < options.lane_count; i++)
        merge_lane(options.lanes + LANE_WORDS * i, &options, outputs);
    for (int i = 0; i < 2; i++)
        if (bgzf_close(outputs[i]))
            fail("%s could not be written whole: check the space on its disk", options.outputs[i]);
    if (fflush(stdout))
        fail("the numbers of pairs could not be printed (%s): run this again", strerror(errno));
    publish_outputs();
    stop_threads(&threads);
    return 0;
}
