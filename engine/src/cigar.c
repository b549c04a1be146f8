#include "cigar.h"

#include <stdlib.h>

#include "memory.h"

bool is_clip(int operation) { return operation == BAM_CSOFT_CLIP || operation == BAM_CHARD_CLIP; }

static int last_operation(const cigar *made)
{
    return made->count ? (int)bam_cigar_op(made->elements[made->count - 1]) : -1;
}

static int operation_before_last(const cigar *made)
{
    return made->count > 1 ? (int)bam_cigar_op(made->elements[made->count - 2]) : -1;
}

static void append(cigar *made, uint32_t element)
{
    made->elements = grow(made->elements, &made->capacity, made->count + 1, sizeof *made->elements);
    made->elements[made->count++] = element;
}

static void remove_element(cigar *made, size_t at)
{
    for (size_t i = at + 1; i < made->count; i++)
        made->elements[i - 1] = made->elements[i];
    made->count--;
}

enum { LEFT_HARD, LEFT_SOFT, MIDDLE, RIGHT_SOFT, RIGHT_HARD };

/* Clips stand at the ends, hard ones outside of soft ones. */
static bool advance_section(cigar *made, int operation)
{
    if (operation == BAM_CHARD_CLIP) {
        if (made->section != LEFT_HARD)
            made->section = RIGHT_HARD;
        return true;
    }
    if (operation == BAM_CSOFT_CLIP) {
        if (made->section == LEFT_HARD)
            made->section = LEFT_SOFT;
        else if (made->section == MIDDLE)
            made->section = RIGHT_SOFT;
        return made->section != RIGHT_HARD;
    }
    if (made->section < MIDDLE)
        made->section = MIDDLE;
    return made->section == MIDDLE;
}

static bool is_leading_deletion(const cigar *made, int operation)
{
    if (operation != BAM_CDEL)
        return false;
    int last = last_operation(made), before = operation_before_last(made);
    return last < 0 || is_clip(last) || (last == BAM_CINS && (before < 0 || is_clip(before)));
}

/* A deletion that the right end turns out to follow, directly or before an insertion, is not kept. */
static void remove_trailing_deletion(cigar *made)
{
    int last = last_operation(made);
    if (last == BAM_CDEL || last == BAM_CREF_SKIP || last == BAM_CPAD)
        made->count--;
    else if (last == BAM_CINS && operation_before_last(made) == BAM_CDEL)
        remove_element(made, made->count - 2);
}

/* An insertion and a deletion side by side have no order: the deletion is put first. */
static void append_deletion_before_insertion(cigar *made, uint32_t element)
{
    if (operation_before_last(made) == BAM_CDEL) {
        made->elements[made->count - 2] += bam_cigar_oplen(element) << BAM_CIGAR_SHIFT;
        return;
    }
    uint32_t insertion = made->elements[made->count - 1];
    made->elements[made->count - 1] = element;
    append(made, insertion);
}

static bool add(cigar *made, int operation, uint32_t length)
{
    uint32_t element = bam_cigar_gen(length, operation);
    if (!length || is_leading_deletion(made, operation))
        return true;
    if (!advance_section(made, operation))
        return false;
    int last = last_operation(made);
    if (operation == last) {
        made->elements[made->count - 1] += length << BAM_CIGAR_SHIFT;
        return true;
    }
    if (operation == BAM_CDEL && last == BAM_CINS) {
        append_deletion_before_insertion(made, element);
        return true;
    }
    if (is_clip(operation))
        remove_trailing_deletion(made);
    append(made, element);
    return true;
}

static bool finish(cigar *made)
{
    int last = last_operation(made);
    if (last == BAM_CDEL || (last == BAM_CINS && operation_before_last(made) == BAM_CDEL))
        remove_trailing_deletion(made);
    for (size_t i = 0; i < made->count; i++)
        if (bam_cigar_op(made->elements[i]) != BAM_CSOFT_CLIP)
            return true;
    return false;
}

void clipped_read_free(clipped_read *read)
{
    free(read->operations.elements);
    free(read->spare.elements);
}

bool start_clipping(clipped_read *read, const bam1_t *record)
{
    const uint32_t *elements = bam_get_cigar(record);
    read->start = record->core.pos;
    read->first = 0;
    read->length = record->core.l_qseq;
    read->operations.count = 0;
    read->operations.section = LEFT_HARD;
    for (uint32_t i = 0; i < record->core.n_cigar; i++)
        if (!add(&read->operations, bam_cigar_op(elements[i]), bam_cigar_oplen(elements[i])))
            return false;
    return finish(&read->operations);
}

/* How far the reference position moves when bases before `stop` are cut off: deletions next to the cut go too. */
static int64_t start_shift(const cigar *operations, int stop)
{
    int64_t shift = 0;
    int from = 0;
    for (size_t i = 0; i < operations->count; i++) {
        uint32_t element = operations->elements[i];
        int length = bam_cigar_oplen(element), to = from + (consumes_read(element) ? length : 0);
        if (to <= stop)
            shift += consumes_reference(element) ? length : 0;
        else if (from < stop)
            shift += consumes_reference(element) ? stop - from : 0;
        from = to;
    }
    return shift;
}

/* Adds what is left of an element that covers bases [from, to) of the read when [start, stop) become hard clips. */
static bool add_cut(cigar *made, uint32_t element, int from, int to, int start, int stop)
{
    int operation = bam_cigar_op(element), length = bam_cigar_oplen(element);
    bool kept = to <= start || from >= stop;
    if (kept && !consumes_read(element) && (from == start || from == stop))
        return true;
    if (operation == BAM_CHARD_CLIP || kept)
        return add(made, operation, length);
    if (!consumes_read(element))
        return true;
    int left = start == 0 ? to - stop : start - from;
    if (left <= 0)
        return add(made, BAM_CHARD_CLIP, length);
    if (start == 0)
        return add(made, BAM_CHARD_CLIP, length - left) && add(made, operation, left);
    return add(made, operation, left) && add(made, BAM_CHARD_CLIP, length - left);
}

static bool cut(clipped_read *read, int start, int stop)
{
    const cigar *old = &read->operations;
    cigar *made = &read->spare;
    int from = 0;
    if (stop - start >= read->length) {
        read->length = 0;
        return true;
    }
    made->count = 0;
    made->section = LEFT_HARD;
    for (size_t i = 0; i < old->count; i++) {
        uint32_t element = old->elements[i];
        bool hard = bam_cigar_op(element) == BAM_CHARD_CLIP;
        int to = from + (consumes_read(element) ? (int)bam_cigar_oplen(element) : 0);
        if (!(hard ? add(made, BAM_CHARD_CLIP, bam_cigar_oplen(element))
                   : add_cut(made, element, from, to, start, stop)))
            return false;
        from = to;
    }
    if (start == 0) {
        read->start += start_shift(old, stop);
        read->first += stop;
    }
    read->length -= stop - start;
    cigar swapped = read->operations;
    read->operations = read->spare;
    read->spare = swapped;
    return finish(&read->operations);
}

bool cut_left(clipped_read *read, int count)
{
    return count <= 0 || !read->length || cut(read, 0, count);
}

bool cut_right(clipped_read *read, int count)
{
    return count <= 0 || !read->length || cut(read, read->length - count, read->length);
}

bool cut_soft_clips(clipped_read *read)
{
    int left = 0, right = 0;
    bool inside = false;
    for (size_t i = 0; i < read->operations.count; i++) {
        uint32_t element = read->operations.elements[i];
        if (bam_cigar_op(element) == BAM_CSOFT_CLIP)
            *(inside ? &right : &left) = bam_cigar_oplen(element);
        inside |= !is_clip(bam_cigar_op(element));
    }
    return cut_right(read, right) && cut_left(read, left);
}

int64_t reference_end(const clipped_read *read)
{
    int64_t end = read->start;
    for (size_t i = 0; i < read->operations.count; i++)
        if (consumes_reference(read->operations.elements[i]))
            end += bam_cigar_oplen(read->operations.elements[i]);
    return end;
}

static int64_t soft_start(const clipped_read *read)
{
    int64_t start = read->start;
    for (size_t i = 0; i < read->operations.count; i++) {
        uint32_t element = read->operations.elements[i];
        if (!is_clip(bam_cigar_op(element)))
            break;
        if (bam_cigar_op(element) == BAM_CSOFT_CLIP)
            start -= bam_cigar_oplen(element);
    }
    return start;
}

int read_index(const clipped_read *read, int64_t position, int *operation)
{
    int64_t from = soft_start(read);
    int index = 0;
    *operation = -1;
    if (position < from)
        return NOT_ON_READ;
    for (size_t i = 0; i < read->operations.count; i++) {
        uint32_t element = read->operations.elements[i];
        int length = bam_cigar_oplen(element);
        bool placed = consumes_reference(element) || bam_cigar_op(element) == BAM_CSOFT_CLIP;
        if (placed && position < from + length) {
            *operation = bam_cigar_op(element);
            return index + (consumes_read(element) ? (int)(position - from) : 0);
        }
        from += placed ? length : 0;
        index += consumes_read(element) ? length : 0;
    }
    return NOT_ON_READ;
}
