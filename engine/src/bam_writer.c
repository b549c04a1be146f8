/* Writes a BAM with its index and MD5 in one pass: htslib's compressed bytes go through a pipe to a thread that digests
   them on their way to the disk. */
#include <errno.h>
#include <fcntl.h>
#include <htslib/hfile.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bam_io.h"
#include "error.h"
#include "memory.h"
#include "output.h"

enum { LONGEST_INDEXED = 1 << 29, PIPE_BYTES = 1 << 20 };

typedef struct {
    const char *name;
    int from, to; /* file descriptors */
    hts_md5_context *md5;
    pthread_t thread;
} digester;

struct bam_writer {
    bam_target target;
    samFile *file;
    digester *digester;
};

static void write_whole(const digester *copy, const unsigned char *bytes, size_t size)
{
    while (size) {
        ssize_t done = write(copy->to, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            fail("%s could not be written (%s): check the space on its disk", copy->name, strerror(errno));
        bytes += done;
        size -= (size_t)done;
    }
}

static void *digest(void *argument)
{
    digester *copy = argument;
    unsigned char *bytes = allocate(PIPE_BYTES, 1);
    ssize_t size;
    while ((size = read(copy->from, bytes, PIPE_BYTES)) != 0) {
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            fail("%s could not be digested (%s): run this again", copy->name, strerror(errno));
        hts_md5_update(copy->md5, bytes, (unsigned long)size);
        write_whole(copy, bytes, (size_t)size);
    }
    free(bytes);
    return NULL;
}

/* Starts the thread, and returns the end of the pipe that the BAM is written into. */
static int start_digester(digester *copy, const char *name, const char *part)
{
    int ends[2];
    copy->name = name;
    copy->md5 = hts_md5_init();
    copy->to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (copy->to < 0)
        fail("%s cannot be written (%s): check its folder", name, strerror(errno));
    if (!copy->md5 || pipe2(ends, O_CLOEXEC))
        fail("%s cannot be digested (%s): run this again", name, strerror(errno));
    fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* a larger pipe is faster; refused, the usual one does */
    copy->from = ends[0];
    if (pthread_create(&copy->thread, NULL, digest, copy))
        fail("%s cannot be digested, for no thread can be started: ask for fewer threads", name);
    return ends[1];
}

static void finish_digester(digester *copy, const char *md5_name)
{
    unsigned char binary[16];
    char text[33];
    pthread_join(copy->thread, NULL);
    if (close(copy->to) || close(copy->from))
        fail("%s could not be written whole (%s): check the space on its disk", copy->name, strerror(errno));
    hts_md5_final(binary, copy->md5);
    hts_md5_hex(text, binary);
    hts_md5_destroy(copy->md5);
    FILE *stream = open_text(md5_name);
    fputs(text, stream);
    close_text(stream, md5_name);
}

bam_target target_with_index(const char *name, int level)
{
    bam_target target = {.name = name, .level = level};
    if (strcmp(name, "-")) {
        target.index = format_text("%s.bai", name);
        target.md5 = format_text("%s.md5", name);
    }
    return target;
}

void free_target(bam_target *target)
{
    free(target->index);
    free(target->md5);
}

static void require_indexable(const bam_target *target, sam_hdr_t *header)
{
    for (int i = 0; i < sam_hdr_nref(header); i++)
        if (sam_hdr_tid2len(header, i) > LONGEST_INDEXED)
            fail("%s cannot have a .bai, for its contig %s is longer than 2^29 bases: write it without an index",
                 target->name, sam_hdr_tid2name(header, i));
}

static samFile *open_file(bam_writer *writer, const char *mode)
{
    const bam_target *target = &writer->target;
    if (!strcmp(target->name, "-"))
        return sam_open("-", mode);
    const char *part = new_output(target->name);
    if (!target->md5)
        return sam_open(part, mode);
    writer->digester = allocate(1, sizeof *writer->digester);
    hFILE *pipe = hdopen(start_digester(writer->digester, target->name, part), "w");
    return pipe ? hts_hopen(pipe, target->name, mode) : NULL;
}

bam_writer *open_writer(const bam_target *target, sam_hdr_t *header, htsThreadPool *threads)
{
    char mode[] = {'w', 'b', (char)('0' + target->level), '\0'};
    bam_writer *writer = allocate(1, sizeof *writer);
    writer->target = *target;
    if (target->index)
        require_indexable(target, header);
    writer->file = open_file(writer, mode);
    if (!writer->file)
        fail("%s cannot be written (%s): check its folder", target->name, strerror(errno));
    if (threads->pool && hts_set_opt(writer->file, HTS_OPT_THREAD_POOL, threads))
        fail("%s cannot be written with threads: ask for one thread", target->name);
    if (sam_hdr_write(writer->file, header))
        fail("the header of %s could not be written: check the space on its disk", target->name);
    if (target->index && sam_idx_init(writer->file, header, 0, new_output(target->index)))
        fail("the index %s cannot be started: give the job more memory", target->index);
    return writer;
}

void write_record(bam_writer *writer, sam_hdr_t *header, const bam1_t *record)
{
    if (sam_write1(writer->file, header, record) < 0)
        fail("%s could not be written after %s: check %sthe space on its disk", writer->target.name, bam_get_qname(record),
             writer->target.index ? "that its input is sorted and " : "");
}

void close_writer(bam_writer *writer)
{
    const bam_target *target = &writer->target;
    if (target->index && sam_idx_save(writer->file))
        fail("the index %s could not be written: check the space on its disk", target->index);
    if (sam_close(writer->file))
        fail("%s could not be written whole: check the space on its disk", target->name);
    if (writer->digester)
        finish_digester(writer->digester, target->md5);
    free(writer->digester);
    free(writer);
}
