#include "bam_io.h"

#include <errno.h>
#include <htslib/bgzf.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory.h"

htsThreadPool start_threads(int count)
{
    htsThreadPool threads = {NULL, 0};
    if (count > 1) {
        threads.pool = hts_tpool_init(count);
        if (!threads.pool)
            fail("%d threads cannot be started: ask for fewer", count);
    }
    return threads;
}

void stop_threads(htsThreadPool *threads)
{
    if (threads->pool)
        hts_tpool_destroy(threads->pool);
    threads->pool = NULL;
}

bam_reader *open_reader(const char *name, htsThreadPool *threads)
{
    bam_reader *reader = allocate(1, sizeof *reader);
    reader->name = strcmp(name, "-") ? name : "standard input";
    reader->file = sam_open(name, "r");
    if (!reader->file && errno == ENOEXEC) /* htslib's error for other formats */
        fail("%s is no BAM: check its name", reader->name);
    if (!reader->file)
        fail("%s cannot be read as a BAM (%s): check its name and that it is one", reader->name, strerror(errno));
    if (hts_check_EOF(reader->file) == 0)
        fail("%s has no end-of-file block, so it is truncated: write or copy it again", reader->name);
    /* Not for SAM: its parsing by threads can wait for itself forever (htslib 1.16, with a writer on the same threads). */
    bool is_blocked = reader->file->format.compression == bgzf;
    if (threads->pool && is_blocked && hts_set_opt(reader->file, HTS_OPT_THREAD_POOL, threads))
        fail("%s cannot be read with threads: ask for one thread", reader->name);
    reader->header = sam_hdr_read(reader->file);
    if (!reader->header)
        fail("%s has no valid BAM header: check that it is a BAM and whole", reader->name);
    return reader;
}

bam1_t *new_record(void)
{
    bam1_t *record = bam_init1();
    if (!record)
        fail("there is no memory for a record: give the job more memory");
    return record;
}

/* Whether a BGZF stream, whose end cannot be looked at beforehand, came to its end without the end-of-file block. */
static bool ended_early(const samFile *file)
{
    return file->format.compression == bgzf && file->is_bgzf && file->fp.bgzf->no_eof_block;
}

bool read_record(bam_reader *reader, bam1_t *record)
{
    int result = sam_read1(reader->file, reader->header, record);
    if (result < -1)
        fail("%s is truncated or damaged: write or copy it again", reader->name);
    if (result == -1 && ended_early(reader->file))
        fail("%s has no end-of-file block, so it is truncated: write or copy it again", reader->name);
    return result >= 0;
}

void close_reader(bam_reader *reader)
{
    if (sam_close(reader->file) < 0)
        fail("%s could not be read to its end: write or copy it again", reader->name);
    sam_hdr_destroy(reader->header);
    free(reader);
}

void require_sorted(const bam_reader *reader)
{
    kstring_t order = KS_INITIALIZE;
    int found = sam_hdr_find_tag_hd(reader->header, "SO", &order);
    if (found || strcmp(order.s, "coordinate"))
        fail("%s is not sorted by coordinate: sort it with samtools sort", reader->name);
    ks_free(&order);
}

/* Threads, memory and folders of temporary files: what a machine has, and no result depends on. */
static bool is_of_machine(const char *word)
{
    return word[0] == '-' && word[1] && strchr("@MT", word[1]) && !word[2];
}

void set_format_version(sam_hdr_t *header)
{
    if (sam_hdr_update_hd(header, "VN", "1.6"))
        fail("the header's @HD line cannot be changed: check the header");
}

void add_program(sam_hdr_t *header, int argc, char **argv, const char *method)
{
    char **kept = allocate((size_t)argc, sizeof *kept);
    int count = 0;
    for (int i = 0; i < argc; i++) {
        if (is_of_machine(argv[i]))
            i++; /* and its value */
        else
            kept[count++] = argv[i];
    }
    char *arguments = stringify_argv(count, kept);
    if (!arguments)
        fail("the command line cannot be copied into a @PG line: give the job more memory");
    char *command = format_text("bioinfo-assets-engine %s", arguments);
    if (sam_hdr_add_pg(header, "bioinfo-assets-engine", "VN", VERSION, "CL", command, "DS", method, NULL))
        fail("a @PG line cannot be added to the header: check the header's @PG lines");
    free(command);
    free(arguments);
    free(kept);
}
