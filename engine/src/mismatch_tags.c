#include "mismatch_tags.h"

#include <stdbool.h>
#include <string.h>

#include "error.h"

typedef struct {
    const bam1_t *record;
    const char *contig;
    kstring_t *md;
    int64_t matches; /* since the last mismatch or deletion */
    int64_t read_at, reference_at;
    int64_t nm, uq;
    bool no_memory;
} comparison;

/* The code of a reference base in a BAM's sequences: 0, which is of '=' there, for what is no IUPAC code. */
static uint8_t code_of(char base)
{
    return base == '.' ? 15 : base && strchr("ACMGRSVTWYHKDBN", base) ? seq_nt16_table[(unsigned char)base] : 0;
}

static void compare_bases(comparison *now, uint32_t length)
{
    const uint8_t *sequence = bam_get_seq(now->record), *qualities = bam_get_qual(now->record);
    for (uint32_t i = 0; i < length; i++, now->read_at++, now->reference_at++) {
        char base = now->contig[now->reference_at];
        if (bam_seqi(sequence, now->read_at) == code_of(base)) {
            now->matches++;
            continue;
        }
        now->no_memory |= kputll(now->matches, now->md) < 0 || kputc(base, now->md) < 0;
        now->matches = 0;
        now->nm++;
        now->uq += qualities[now->read_at];
    }
}

static void add_deletion(comparison *now, uint32_t length)
{
    now->no_memory |= kputll(now->matches, now->md) < 0 || kputc('^', now->md) < 0
        || kputsn(now->contig + now->reference_at, length, now->md) < 0;
    now->reference_at += length;
    now->matches = 0;
    now->nm += length;
}

static void compare(comparison *now)
{
    const uint32_t *cigar = bam_get_cigar(now->record);
    for (uint32_t i = 0; i < now->record->core.n_cigar; i++) {
        uint32_t length = bam_cigar_oplen(cigar[i]);
        switch (bam_cigar_op(cigar[i])) {
        case BAM_CMATCH:
        case BAM_CEQUAL:
        case BAM_CDIFF: compare_bases(now, length); break;
        case BAM_CDEL: add_deletion(now, length); break;
        case BAM_CREF_SKIP: now->reference_at += length; break;
        case BAM_CINS: now->nm += length; /* fall through */
        case BAM_CSOFT_CLIP: now->read_at += length; break;
        default: break;
        }
    }
    now->no_memory |= kputll(now->matches, now->md) < 0;
}

/* Replaces a tag, also one of another type. */
static bool set_number(bam1_t *record, const char *tag, int64_t value)
{
    if (!bam_aux_update_int(record, tag, value))
        return true;
    uint8_t *other = bam_aux_get(record, tag);
    return other && !bam_aux_del(record, other) && !bam_aux_update_int(record, tag, value);
}

static bool set_text(bam1_t *record, const char *tag, const kstring_t *text)
{
    const uint8_t *present = bam_aux_get(record, tag);
    if (present && *present == 'Z' && !strcmp(bam_aux2Z(present), text->s))
        return true;
    if (!bam_aux_update_str(record, tag, (int)text->l + 1, text->s))
        return true;
    uint8_t *other = bam_aux_get(record, tag);
    return other && !bam_aux_del(record, other) && !bam_aux_update_str(record, tag, (int)text->l + 1, text->s);
}

static void require_comparable(const bam1_t *record, int64_t length, const char *file)
{
    int cigar_length = (int)record->core.n_cigar;
    const uint32_t *cigar = bam_get_cigar(record);
    if (bam_cigar2qlen(cigar_length, cigar) != record->core.l_qseq)
        fail("%s is damaged: the CIGAR of %s is not of the length of its bases; align the reads again", file,
             bam_get_qname(record));
    if (record->core.pos < 0 || record->core.pos + bam_cigar2rlen(cigar_length, cigar) > length)
        fail("%s has %s beyond an end of its contig: align the reads to this reference", file, bam_get_qname(record));
}

void set_mismatch_tags(bam1_t *record, const char *bases, int64_t length, kstring_t *text, const char *file)
{
    if (record->core.l_qseq == 0)
        return;
    require_comparable(record, length, file);
    bool has_qualities = *bam_get_qual(record) != 0xff;
    ks_clear(text);
    comparison now = {.record = record, .contig = bases, .md = text, .reference_at = record->core.pos};
    compare(&now);
    if (now.no_memory)
        fail("there is no memory for the tag MD of %s: give the job more memory", bam_get_qname(record));
    if (!set_text(record, "MD", text) || !set_number(record, "NM", now.nm)
        || (has_qualities && !set_number(record, "UQ", now.uq)))
        fail("the tags NM, MD and UQ of %s in %s cannot be set: check the record's tags", bam_get_qname(record), file);
}
