#include "covariates.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory.h"

static const char BASES[] = "ACGT";
static const uint8_t CODE_OF_NIBBLE[16] = {4, 0, 1, 4, 2, 4, 4, 4, 3, 4, 4, 4, 4, 4, 4, 4};

int base_code(char base)
{
    switch (base) {
    case 'A':
        return 0;
    case 'C':
        return 1;
    case 'G':
        return 2;
    case 'T':
        return 3;
    default:
        return NOT_A_BASE;
    }
}

void context_text(int context, char text[3])
{
    text[0] = BASES[context & 3];
    text[1] = BASES[context >> 2];
    text[2] = '\0';
}

int context_of_text(const char *text)
{
    if (strlen(text) != 2 || base_code(text[0]) == NOT_A_BASE || base_code(text[1]) == NOT_A_BASE)
        return NO_CONTEXT;
    return base_code(text[0]) | base_code(text[1]) << 2;
}

void read_covariates_free(read_covariates *read)
{
    free(read->bases);
    free(read->qualities);
    free(read->contexts);
    free(read->cycles);
}

static void make_room(read_covariates *read, int length)
{
    if ((size_t)length <= read->capacity)
        return;
    read->capacity = 2 * (size_t)length;
    read->bases = resize(read->bases, read->capacity, sizeof *read->bases);
    read->qualities = resize(read->qualities, read->capacity, sizeof *read->qualities);
    read->contexts = resize(read->contexts, read->capacity, sizeof *read->contexts);
    read->cycles = resize(read->cycles, read->capacity, sizeof *read->cycles);
}

/* The record's OQ, or null. */
static const char *original_qualities(const bam1_t *record)
{
    const uint8_t *tag = bam_aux_get(record, "OQ");
    const char *text = tag && *tag == 'Z' ? bam_aux2Z(tag) : NULL;
    if (text && strlen(text) != (size_t)record->core.l_qseq)
        fail("record %s has %d bases and an OQ of %zu: correct or remove the tag", bam_get_qname(record),
             record->core.l_qseq, strlen(text));
    return text;
}

void load_bases(read_covariates *read, const bam1_t *record, int first, int length)
{
    const uint8_t *sequence = bam_get_seq(record), *qualities = bam_get_qual(record);
    const char *original = original_qualities(record);
    make_room(read, length);
    read->length = length;
    for (int i = 0; i < length; i++) {
        int at = first + i;
        read->bases[i] = CODE_OF_NIBBLE[bam_seqi(sequence, at)];
        read->qualities[i] = original ? (uint8_t)(original[at] - '!') : qualities[at];
        if (read->qualities[i] >= QUALITIES)
            fail("record %s has a quality that is not from 0 to %d: correct the record", bam_get_qname(record),
                 QUALITIES - 1);
    }
}

static void compute_contexts(read_covariates *read, int reverse)
{
    int left = 0, right = read->length - 1;
    while (right >= 0 && read->qualities[right] <= LOW_QUALITY_TAIL)
        right--;
    while (left < read->length && read->qualities[left] <= LOW_QUALITY_TAIL)
        left++;
    if (read->length)
        memset(read->contexts, NO_CONTEXT, read->length);
    int step = reverse ? 1 : -1;
    for (int i = reverse ? left : left + 1; i <= (reverse ? right - 1 : right); i++) {
        int base = read->bases[i], before = read->bases[i + step];
        if (base == NOT_A_BASE || before == NOT_A_BASE)
            continue;
        read->contexts[i] = (int8_t)(reverse ? (3 - before) | (3 - base) << 2 : before | base << 2);
    }
}

void compute_covariates(read_covariates *read, const bam1_t *record)
{
    int reverse = bam_is_rev(record), length = read->length;
    int second = (record->core.flag & BAM_FPAIRED) && (record->core.flag & BAM_FREAD2);
    if (length > MOST_CYCLES)
        fail("record %s has %d bases, and BaseRecalibrator's method takes at most %d: use reads up to that length",
             bam_get_qname(record), length, MOST_CYCLES);
    compute_contexts(read, reverse);
    for (int i = 0; i < length; i++) {
        int cycle = reverse ? length - i : i + 1;
        read->cycles[i] = (int16_t)(MOST_CYCLES + (second ? -cycle : cycle));
    }
}
