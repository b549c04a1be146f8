/* What base quality recalibration groups bases by: read group, reported quality, context and machine cycle. */
#ifndef COVARIATES_H
#define COVARIATES_H

#include <htslib/sam.h>

enum {
    QUALITIES = 94,         /* Phred qualities 0 to 93 */
    CONTEXTS = 16,          /* the base before and the base */
    MOST_CYCLES = 500,      /* GATK's --maximum-cycle-value */
    CYCLES = 2 * MOST_CYCLES + 1,
    LEAST_QUALITY = 6,      /* GATK's --preserve-qscores-less-than: lower ones are not recalibrated */
    LOW_QUALITY_TAIL = 2,   /* GATK's --low-quality-tail: bases at the ends up to this quality have no context */
    NO_CONTEXT = -1,
    NOT_A_BASE = 4
};

/* The bases of a read, or what clipping leaves of it, with their covariates. Arrays have room for `capacity` bases. */
typedef struct {
    int length;
    uint8_t *bases;     /* A, C, G, T are 0 to 3; anything else is NOT_A_BASE */
    uint8_t *qualities;
    int8_t *contexts;   /* 4 times the base and the base before, in the direction of sequencing, or NO_CONTEXT */
    int16_t *cycles;    /* MOST_CYCLES plus the cycle; the second read's cycles are negative */
    size_t capacity;
} read_covariates;

void read_covariates_free(read_covariates *read);

/* Fills bases and qualities, those of OQ if the record has it, from the record's base `first` on. */
void load_bases(read_covariates *read, const bam1_t *record, int first, int length);

/* Fills contexts and cycles of loaded bases. Fails for more than MOST_CYCLES bases. */
void compute_covariates(read_covariates *read, const bam1_t *record);

/* The two bases of a context. */
void context_text(int context, char text[3]);

/* The context of two bases, or NO_CONTEXT. */
int context_of_text(const char *text);

/* 0 to 3 for A, C, G, T, or NOT_A_BASE. */
int base_code(char base);

#endif
