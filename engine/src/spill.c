#include "spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "memory.h"

enum { FEWEST_BUFFERED = 64, FEWEST_IN_WINDOW = 16, SORTED_BY_INSERTION = 16 };

/* A sorted part of the file, with the next ends of it in memory. */
typedef struct {
    off_t from;
    size_t left; /* ends in the file that were not read yet */
    read_end *window;
    size_t at, count;
} run;

struct spill {
    const char *folder;
    int file; /* descriptor, or -1 while all ends are in memory */
    off_t size;
    size_t bound; /* ends that fit in the memory bound */
    read_end *buffer, *scratch;
    size_t capacity, count, at;
    run *runs; /* when the ends are read: a heap with the least next end first */
    size_t run_count, run_capacity;
};

spill *spill_new(size_t bytes, const char *folder)
{
    spill *ends = allocate(1, sizeof *ends);
    size_t bound = bytes / sizeof(read_end);
    ends->folder = folder;
    ends->file = -1;
    ends->bound = bound;
    /* Sorting needs half as much again as scratch space. */
    ends->capacity = bound / 3 * 2 > FEWEST_BUFFERED ? bound / 3 * 2 : FEWEST_BUFFERED;
    ends->buffer = allocate(ends->capacity, sizeof(read_end));
    ends->scratch = allocate(ends->capacity / 2 + 1, sizeof(read_end));
    return ends;
}

static void insertion_sort(read_end *ends, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        read_end end = ends[i];
        size_t at = i;
        for (; at > 0 && sorted_before(&end, &ends[at - 1]); at--)
            ends[at] = ends[at - 1];
        ends[at] = end;
    }
}

/* Merge sort, whose memory and time have a bound; scratch has room for half of the ends. */
static void sort(read_end *ends, size_t count, read_end *scratch)
{
    if (count <= SORTED_BY_INSERTION) {
        insertion_sort(ends, count);
        return;
    }
    size_t half = count / 2;
    sort(ends, half, scratch);
    sort(ends + half, count - half, scratch);
    if (!sorted_before(&ends[half], &ends[half - 1]))
        return;
    memcpy(scratch, ends, half * sizeof *ends);
    for (size_t left = 0, right = half, to = 0; left < half; to++) {
        bool take_right = right < count && sorted_before(&ends[right], &scratch[left]);
        ends[to] = take_right ? ends[right++] : scratch[left++];
    }
}

static void open_file(spill *ends)
{
    char *name = format_text("%s/bioinfo-assets-engine.XXXXXX", ends->folder);
    ends->file = mkostemp(name, O_CLOEXEC);
    if (ends->file < 0 || unlink(name))
        fail("%s cannot hold a temporary file (%s): give another folder by -T", ends->folder, strerror(errno));
    free(name);
}

static void write_buffer(spill *ends)
{
    const char *bytes = (const char *)ends->buffer;
    size_t left = ends->count * sizeof(read_end);
    if (ends->file < 0)
        open_file(ends);
    sort(ends->buffer, ends->count, ends->scratch);
    ends->runs = grow(ends->runs, &ends->run_capacity, ends->run_count + 1, sizeof(run));
    ends->runs[ends->run_count++] = (run){.from = ends->size, .left = ends->count};
    while (left) {
        ssize_t done = pwrite(ends->file, bytes, left, ends->size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            fail("the temporary file in %s could not be written (%s): check the space there, or give another folder by "
                 "-T", ends->folder, strerror(errno));
        bytes += done;
        left -= (size_t)done;
        ends->size += done;
    }
    ends->count = 0;
}

void spill_add(spill *ends, const read_end *end)
{
    if (ends->count == ends->capacity)
        write_buffer(ends);
    ends->buffer[ends->count++] = *end;
}

/* Reads the next ends of a run into its window: false if there are none. */
static bool fill_window(spill *ends, run *part, size_t size)
{
    part->at = 0;
    part->count = part->left < size ? part->left : size;
    char *bytes = (char *)part->window;
    size_t left = part->count * sizeof(read_end);
    while (left) {
        ssize_t done = pread(ends->file, bytes, left, part->from);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            fail("the temporary file in %s could not be read (%s): run this again", ends->folder, strerror(errno));
        bytes += done;
        left -= (size_t)done;
        part->from += done;
    }
    part->left -= part->count;
    return part->count > 0;
}

static size_t window_size(const spill *ends)
{
    size_t size = ends->bound / ends->run_count;
    return size > FEWEST_IN_WINDOW ? size : FEWEST_IN_WINDOW;
}

static bool next_before(const run *one, const run *other)
{
    return sorted_before(&one->window[one->at], &other->window[other->at]);
}

static void sink(spill *ends, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < ends->run_count; at = child) {
        if (child + 1 < ends->run_count && next_before(&ends->runs[child + 1], &ends->runs[child]))
            child++;
        if (!next_before(&ends->runs[child], &ends->runs[at]))
            return;
        run moved = ends->runs[at];
        ends->runs[at] = ends->runs[child];
        ends->runs[child] = moved;
    }
}

void spill_sort(spill *ends)
{
    if (ends->file < 0) {
        sort(ends->buffer, ends->count, ends->scratch);
        free(ends->scratch);
        ends->scratch = NULL;
        return;
    }
    if (ends->count)
        write_buffer(ends);
    free(ends->buffer);
    free(ends->scratch);
    ends->buffer = ends->scratch = NULL;
    for (size_t i = 0; i < ends->run_count; i++) {
        ends->runs[i].window = allocate(window_size(ends), sizeof(read_end));
        fill_window(ends, &ends->runs[i], window_size(ends));
    }
    for (size_t i = ends->run_count / 2; i > 0; i--)
        sink(ends, i - 1);
}

/* Takes the next end of the first run, and restores the heap. */
static bool next_of_runs(spill *ends, read_end *end)
{
    if (!ends->run_count)
        return false;
    run *least = &ends->runs[0];
    *end = least->window[least->at++];
    if (least->at == least->count && (!least->left || !fill_window(ends, least, least->count))) {
        free(least->window);
        *least = ends->runs[--ends->run_count];
    }
    sink(ends, 0);
    return true;
}

bool spill_next(spill *ends, read_end *end)
{
    if (ends->file >= 0)
        return next_of_runs(ends, end);
    if (ends->at == ends->count)
        return false;
    *end = ends->buffer[ends->at++];
    return true;
}

void spill_free(spill *ends)
{
    for (size_t i = 0; i < ends->run_count && !ends->buffer; i++)
        free(ends->runs[i].window);
    if (ends->file >= 0)
        close(ends->file);
    free(ends->buffer);
    free(ends->scratch);
    free(ends->runs);
    free(ends);
}
