#include "observer.h"

#include <stdlib.h>
#include <string.h>

#include "cigar.h"
#include "covariates.h"
#include "error.h"
#include "memory.h"
#include "read_filter.h"

/* Buffers are kept from record to record. */
struct observer {
    bam_reader *reads;
    reference *fasta;
    known_sites *sites;
    read_groups *groups;
    recalibration_model *model;
    clipped_read read;
    read_covariates covariates;
    uint8_t *masked, *wrong; /* of each base: whether it is at a known site, and whether it differs from the reference */
    size_t capacity;
};

/* The read filters of BaseRecalibrator. */
static bool is_observed(const sam_hdr_t *header, const bam1_t *record)
{
    const bam1_core_t *core = &record->core;
    return is_placed(record) && !(core->flag & (BAM_FSECONDARY | BAM_FDUP | BAM_FQCFAIL)) && core->qual != 0 &&
           core->qual != 255 && is_wellformed(header, record);
}

/* Cuts off what lies beyond the other end of the fragment, which is adapter sequence (ReadUtils.getAdaptorBoundary). */
static bool cut_adapter(clipped_read *read, const bam1_t *record)
{
    const bam1_core_t *core = &record->core;
    bool reverse = bam_is_rev(record);
    int64_t end = reference_end(read), boundary;
    int operation;
    if (!core->isize || !(core->flag & BAM_FPAIRED) || core->flag & BAM_FMUNMAP || core->mtid < 0 || core->mpos < 0 ||
        reverse == bam_is_mrev(record))
        return true;
    if (reverse ? end - 1 <= core->mpos : read->start > core->mpos + core->isize)
        return true;
    boundary = reverse ? core->mpos - 1 : read->start + llabs((long long)core->isize);
    if (boundary < read->start || boundary >= end)
        return true;
    int index = read_index(read, boundary, &operation);
    if (index == NOT_ON_READ)
        return true;
    if (!reverse)
        return cut_right(read, read->length - index);
    bool on_base = bam_cigar_type(operation) & 1;
    return cut_left(read, index + on_base);
}

static bool clip(clipped_read *read, const bam1_t *record)
{
    return start_clipping(read, record) && cut_adapter(read, record) && cut_soft_clips(read);
}

static void mask_site(observer *to, const site *known)
{
    const clipped_read *read = &to->read;
    int operation, first, last;
    first = read_index(read, known->start, &operation);
    first = first == NOT_ON_READ ? 0 : first;
    first -= operation == BAM_CDEL;
    last = read_index(read, known->end, &operation);
    last = last == NOT_ON_READ ? read->length : last;
    for (int i = first < 0 ? 0 : first; i <= last && i < read->length; i++)
        to->masked[i] = 1;
}

/* Masks the bases at known sites that overlap the whole alignment and what clipping left of it. */
static void mask_known_sites(observer *to, const bam1_t *record)
{
    size_t count;
    int64_t whole_end = record->core.pos + bam_cigar2rlen(record->core.n_cigar, bam_get_cigar(record));
    int64_t start = to->read.start, end = reference_end(&to->read);
    start = start > record->core.pos ? start : record->core.pos;
    end = end < whole_end ? end : whole_end;
    const site *known = sites_around(to->sites, record->core.tid, record->core.pos, end, &count);
    memset(to->masked, 0, to->read.length);
    for (size_t i = 0; i < count && known[i].start < end; i++)
        if (known[i].end >= start)
            mask_site(to, &known[i]);
}

static void find_mismatches(observer *to, const bam1_t *record)
{
    int64_t contig_length, position = to->read.start;
    const char *reference = contig_bases(to->fasta, record->core.tid, &contig_length);
    int at = 0;
    memset(to->wrong, 0, to->read.length);
    if (reference_end(&to->read) > contig_length)
        fail("record %s of %s reaches over the end of its contig: align the reads again", bam_get_qname(record),
             to->reads->name);
    for (size_t i = 0; i < to->read.operations.count; i++) {
        uint32_t element = to->read.operations.elements[i];
        int length = bam_cigar_oplen(element);
        bool aligned = consumes_read(element) && consumes_reference(element);
        for (int k = 0; aligned && k < length; k++)
            to->wrong[at + k] = to->covariates.bases[at + k] != base_code(reference[position + k]);
        at += consumes_read(element) ? length : 0;
        position += consumes_reference(element) ? length : 0;
    }
}

static void count(tally *counts, int wrong)
{
    counts->observations++;
    counts->errors += wrong;
}

static void count_bases(observer *to, recalibration_group *group)
{
    const read_covariates *read = &to->covariates;
    for (int i = 0; i < read->length; i++) {
        int quality = read->qualities[i];
        if (to->masked[i] || read->bases[i] == NOT_A_BASE || quality < LEAST_QUALITY)
            continue;
        count(&group->by_quality[quality], to->wrong[i]);
        if (read->contexts[i] != NO_CONTEXT)
            count(&group->by_context[quality][read->contexts[i]], to->wrong[i]);
        count(&group->by_cycle[quality][read->cycles[i]], to->wrong[i]);
    }
}

static void observe(observer *to, const bam1_t *record)
{
    int group = read_group_of(to->groups, record);
    if (group < 0)
        fail("record %s of %s is of a read group that the header has not: add it to the header (samtools addreplacerg)",
             bam_get_qname(record), to->reads->name);
    if (!clip(&to->read, record))
        fail("record %s of %s has a CIGAR with clips in the middle or nothing else: align the reads again",
             bam_get_qname(record), to->reads->name);
    if (!to->read.length)
        return;
    if (!to->groups->groups[group].platform)
        fail("read group %s of %s has no PL in the header: add its platform (samtools reheader)",
             to->groups->groups[group].id, to->reads->name);
    if ((size_t)to->read.length > to->capacity) {
        to->capacity = 2 * (size_t)to->read.length;
        to->masked = resize(to->masked, to->capacity, 1);
        to->wrong = resize(to->wrong, to->capacity, 1);
    }
    load_bases(&to->covariates, record, to->read.first, to->read.length);
    compute_covariates(&to->covariates, record);
    mask_known_sites(to, record);
    find_mismatches(to, record);
    count_bases(to, to->model->groups[to->model->of_read_group[group]]);
}

static void require_order(const observer *to, const bam1_t *record, int contig, int64_t position)
{
    int next = record->core.tid;
    bool behind = next >= 0 && (contig < 0 || next < contig || (next == contig && record->core.pos < position));
    if (behind)
        fail("record %s of %s comes after one with a later position: sort the BAM (samtools sort)",
             bam_get_qname(record), to->reads->name);
}

void observe_all(observer *to)
{
    bam1_t *record = new_record();
    int contig = 0;
    int64_t position = 0;
    while (read_record(to->reads, record)) {
        require_order(to, record, contig, position);
        contig = record->core.tid;
        position = record->core.pos;
        if (is_observed(to->reads->header, record))
            observe(to, record);
    }
    bam_destroy1(record);
}

/* Fails unless as many records were read as the index counts: with the index of another BAM some would be missed. */
static void require_count(const observer *to, const hts_idx_t *index, int contig, uint64_t count)
{
    uint64_t mapped = 0, unmapped = 0;
    hts_idx_get_stat(index, contig, &mapped, &unmapped);
    if (count != mapped + unmapped)
        fail("the index of %s is of another BAM: make it again (samtools index)", to->reads->name);
}

void observe_contig(observer *to, const hts_idx_t *index, int contig)
{
    hts_itr_t *records = sam_itr_queryi(index, contig, 0, HTS_POS_MAX);
    bam1_t *record = new_record();
    int64_t position = 0;
    uint64_t count = 0;
    int result;
    if (!records)
        fail("the index of %s is damaged: make it again (samtools index)", to->reads->name);
    while ((result = sam_itr_next(to->reads->file, records, record)) >= 0) {
        require_order(to, record, contig, position);
        position = record->core.pos;
        count++;
        if (is_observed(to->reads->header, record))
            observe(to, record);
    }
    if (result < -1)
        fail("%s is truncated or damaged: write or copy it again", to->reads->name);
    require_count(to, index, contig, count);
    hts_itr_destroy(records);
    bam_destroy1(record);
}

observer *new_observer(const observed_files *files, htsThreadPool *threads)
{
    observer *to = allocate(1, sizeof *to);
    to->reads = open_reader(files->reads, threads);
    require_sorted(to->reads);
    to->groups = read_groups_of(to->reads->header);
    if (!to->groups->count)
        fail("%s has no read groups in its header: add them (samtools addreplacerg)", to->reads->name);
    to->fasta = open_reference(files->reference, to->reads);
    to->sites = open_known_sites(files->sites, files->site_count, to->reads);
    to->model = new_model(to->groups);
    return to;
}

void observer_free(observer *to)
{
    model_free(to->model);
    close_known_sites(to->sites);
    close_reference(to->fasta);
    read_groups_free(to->groups);
    close_reader(to->reads);
    clipped_read_free(&to->read);
    read_covariates_free(&to->covariates);
    free(to->masked);
    free(to->wrong);
    free(to);
}

const bam_reader *observed_reads(const observer *to) { return to->reads; }

recalibration_model *observed_model(const observer *to) { return to->model; }
