#include "known_sites.h"

#include <errno.h>
#include <htslib/tbx.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory.h"

typedef struct {
    const char *name;
    htsFile *file;
    tbx_t *index;
    hts_itr_t *lines; /* of the contig; null after the last one */
    kstring_t line;
    site next; /* that of the line */
} vcf_file;

/* Sites of a contig are read as its records are: those that are in memory are window[first] to window[end - 1]. */
struct known_sites {
    int count;
    vcf_file *files;
    sam_hdr_t *header;
    int contig;
    site *window;
    size_t first, end, capacity;
};

/* The value of KEY in a header line like ##contig=<ID=chr1,length=248956422>, in `text`; false if there is none. */
static bool header_value(const char *line, const char *key, kstring_t *text)
{
    size_t size = strlen(key);
    for (const char *at = strchr(line, '<'); at && *at; at = strpbrk(at + 1, ",>")) {
        if (strncmp(at + 1, key, size) || at[1 + size] != '=')
            continue;
        const char *value = at + 2 + size;
        text->l = 0;
        if (kputsn(value, strcspn(value, ",>"), text) < 0)
            fail("there is no memory for a header line of known sites: give the job more memory");
        return true;
    }
    return false;
}

/* Whether a ##contig line's contig is one of the BAM's; fails if it has another length there. */
static bool is_contig_of(const vcf_file *file, const bam_reader *reads, const char *line)
{
    kstring_t text = KS_INITIALIZE;
    int contig = header_value(line, "ID", &text) ? sam_hdr_name2tid(reads->header, text.s) : -1;
    if (contig >= 0 && header_value(line, "length", &text)) {
        long long length = atoll(text.s), expected = sam_hdr_tid2len(reads->header, contig);
        if (length != expected)
            fail("%s is of another genome than %s: its contig %s has %lld bases, and not %lld: give known sites of the "
                 "reference",
                 file->name, reads->name, sam_hdr_tid2name(reads->header, contig), length, expected);
    }
    ks_free(&text);
    return contig >= 0;
}

/* Whether any contig with sites is one of the BAM's; true if there are no sites. */
static bool has_indexed_contig(const vcf_file *file, const bam_reader *reads)
{
    int count = 0;
    const char **names = tbx_seqnames(file->index, &count);
    bool found = count == 0;
    for (int i = 0; i < count; i++)
        found |= sam_hdr_name2tid(reads->header, names[i]) >= 0;
    free(names);
    return found;
}

static void check_header(const vcf_file *file, const bam_reader *reads)
{
    kstring_t line = KS_INITIALIZE;
    bool vcf_line = false, found = false;
    int result;
    while ((result = hts_getline(file->file, '\n', &line)) >= 0 && line.s[0] == '#') {
        vcf_line |= !strncmp(line.s, "##fileformat=VCF", 16);
        if (!strncmp(line.s, "##contig=", 9))
            found |= is_contig_of(file, reads, line.s);
    }
    if (result < -1)
        fail("%s is truncated or damaged: copy it again", file->name);
    if (!vcf_line)
        fail("%s has no VCF header: give known sites as VCFs compressed by bgzip", file->name);
    if (!has_indexed_contig(file, reads) && !found)
        fail("%s has no contig of %s: give known sites of the reference", file->name, reads->name);
    ks_free(&line);
}

static void open_vcf(vcf_file *file, const char *name, const bam_reader *reads)
{
    file->name = name;
    file->file = hts_open(name, "r");
    if (!file->file)
        fail("%s cannot be read (%s): check its name", name, strerror(errno));
    if (file->file->format.compression != bgzf || file->file->format.format != vcf)
        fail("%s is not a VCF compressed by bgzip: compress it (bgzip) and index it (tabix -p vcf)", name);
    if (hts_check_EOF(file->file) == 0)
        fail("%s has no end-of-file block, so it is truncated: copy it again", name);
    file->index = tbx_index_load3(name, NULL, HTS_IDX_SILENT_FAIL);
    if (!file->index)
        fail("%s has no index %s.tbi that can be read: make it with tabix -p vcf", name, name);
    check_header(file, reads);
}

known_sites *open_known_sites(const char *const *names, int count, const bam_reader *reads)
{
    known_sites *sites = allocate(1, sizeof *sites);
    sites->count = count;
    sites->files = allocate(count, sizeof *sites->files);
    sites->header = reads->header;
    sites->contig = -1;
    for (int i = 0; i < count; i++)
        open_vcf(&sites->files[i], names[i], reads);
    return sites;
}

void close_known_sites(known_sites *sites)
{
    for (int i = 0; i < sites->count; i++) {
        vcf_file *file = &sites->files[i];
        hts_itr_destroy(file->lines);
        ks_free(&file->line);
        tbx_destroy(file->index);
        hts_close(file->file);
    }
    free(sites->files);
    free(sites->window);
    free(sites);
}

/* The start of a line's next field, or null. */
static const char *next_field(const char *field)
{
    const char *tab = strchr(field, '\t');
    return tab ? tab + 1 : NULL;
}

/* INFO's END, or 0. */
static int64_t end_of_info(const char *info)
{
    for (const char *entry = info;; entry++) {
        if (!strncmp(entry, "END=", 4))
            return strtoll(entry + 4, NULL, 10);
        entry += strcspn(entry, ";\t");
        if (*entry != ';')
            return 0;
    }
}

/* A contig of a BAM has fewer bases than that; what is beyond its end masks nothing. */
static int32_t within_contig(int64_t place)
{
    return place > INT32_MAX ? INT32_MAX : (int32_t)place;
}

/* A site reaches over its REF, or to INFO's END where that is given (VCF specification, sections 1.6.1 and 3). */
static site parse_line(const vcf_file *file, const char *line)
{
    const char *fields[8] = {line};
    for (int i = 1; i < 8 && fields[i - 1]; i++)
        fields[i] = next_field(fields[i - 1]);
    char *rest = NULL;
    long long position = fields[4] ? strtoll(fields[1], &rest, 10) : 0;
    if (!fields[4] || rest == fields[1] || *rest != '\t' || position < 0)
        fail("%s has a line without CHROM, POS, ID, REF and ALT (\"%.60s\"): check the VCF", file->name, line);
    int64_t end = fields[7] ? end_of_info(fields[7]) : 0;
    if (end < position)
        end = position + (fields[4] - fields[3] - 1) - 1;
    return (site){within_contig(position - 1), within_contig(end - 1)};
}

static void read_site(vcf_file *file)
{
    int result = tbx_itr_next(file->file, file->index, file->lines, &file->line);
    if (result < -1)
        fail("%s is truncated or damaged: copy it again", file->name);
    if (result < 0) {
        hts_itr_destroy(file->lines);
        file->lines = NULL;
        return;
    }
    site read = parse_line(file, file->line.s);
    if (read.start < file->next.start)
        fail("%s is not sorted (\"%.60s\"): sort it (bcftools sort) and index it (tabix -p vcf)", file->name,
             file->line.s);
    file->next = read;
}

static void start_contig(known_sites *sites, int contig)
{
    sites->contig = contig;
    sites->first = sites->end = 0;
    for (int i = 0; i < sites->count; i++) {
        vcf_file *file = &sites->files[i];
        int number = tbx_name2id(file->index, sam_hdr_tid2name(sites->header, contig));
        hts_itr_destroy(file->lines);
        file->lines = NULL;
        if (number < 0)
            continue;
        file->lines = tbx_itr_queryi(file->index, number, 0, HTS_POS_MAX);
        if (!file->lines)
            fail("%s.tbi is damaged: make it again with tabix -p vcf", file->name);
        file->next = (site){INT32_MIN, INT32_MIN};
        read_site(file);
    }
}

static void add_site(known_sites *sites, site next)
{
    site *last = sites->end > sites->first ? &sites->window[sites->end - 1] : NULL;
    if (last && next.start <= last->end) {
        last->end = next.end > last->end ? next.end : last->end;
        return;
    }
    if (sites->first > sites->end / 2) {
        sites->end -= sites->first;
        memmove(sites->window, sites->window + sites->first, sites->end * sizeof *sites->window);
        sites->first = 0;
    }
    sites->window = grow(sites->window, &sites->capacity, sites->end + 1, sizeof *sites->window);
    sites->window[sites->end++] = next;
}

/* The file with the first of the next sites, or null if there are no more. */
static vcf_file *file_of_next(known_sites *sites)
{
    vcf_file *first = NULL;
    for (int i = 0; i < sites->count; i++) {
        vcf_file *file = &sites->files[i];
        if (file->lines && (!first || file->next.start < first->next.start))
            first = file;
    }
    return first;
}

const site *sites_around(known_sites *sites, int contig, int64_t start, int64_t end, size_t *count)
{
    vcf_file *file;
    if (contig != sites->contig)
        start_contig(sites, contig);
    while (sites->first < sites->end && sites->window[sites->first].end < start)
        sites->first++;
    while ((file = file_of_next(sites)) && file->next.start < end) {
        if (file->next.end >= start)
            add_site(sites, file->next);
        read_site(file);
    }
    *count = sites->end - sites->first;
    return *count ? &sites->window[sites->first] : NULL;
}
