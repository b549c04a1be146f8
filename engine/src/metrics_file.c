#include "metrics_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { DECIMALS = 6, EXACT_DECIMALS = 40, LONGEST_NUMBER = 400 };

void write_metrics_head(FILE *stream, const char *tool, const char *input, const char *class_name)
{
    fprintf(stream,
            "## htsjdk.samtools.metrics.StringHeader\n"
            "# %s --INPUT %s\n"
            "## htsjdk.samtools.metrics.StringHeader\n"
            "# by bioinfo-assets-engine " VERSION " with the method of Picard 3.4.0\n\n"
            "## METRICS CLASS\tpicard.analysis.%s\n",
            tool, input, class_name);
}

double ratio(double part, double whole) { return whole == 0 ? 0 : part / whole; }

/* Rounds to six decimals, and halves down, as FormatUtil does. */
static void format_number(char text[LONGEST_NUMBER], double value)
{
    snprintf(text, LONGEST_NUMBER, "%.*f", EXACT_DECIMALS, value);
    char *rest = strchr(text, '.') + 1 + DECIMALS;
    bool half = rest[0] == '5' && strspn(rest + 1, "0") == strlen(rest + 1);
    if (half)
        *rest = '\0';
    else
        snprintf(text, LONGEST_NUMBER, "%.*f", DECIMALS, value);
    char *end = text + strlen(text) - 1;
    while (*end == '0')
        *end-- = '\0';
    if (*end == '.')
        *end = '\0';
}

void write_number(FILE *stream, double value)
{
    char text[LONGEST_NUMBER] = "?";
    if (!isnan(value) && !isinf(value))
        format_number(text, value);
    fputs(text, stream);
}

void write_metric(FILE *stream, double value)
{
    write_number(stream, value);
    fputc('\t', stream);
}

bool next_value(int count, const histogram *const *histograms, const size_t *places, int64_t *value)
{
    bool any = false;
    for (int i = 0; i < count; i++) {
        if (places[i] == histograms[i]->bin_count)
            continue;
        int64_t here = histograms[i]->bins[places[i]].value;
        *value = any && *value < here ? *value : here;
        any = true;
    }
    return any;
}

void write_count_of(FILE *stream, const histogram *of, size_t *place, int64_t value)
{
    bool here = *place < of->bin_count && of->bins[*place].value == value;
    if (of->bin_count)
        fprintf(stream, "\t%" PRId64, here ? of->bins[*place].count : 0);
    *place += here;
}

void write_histograms(FILE *stream, const char *bin_label, int count, const char *const *labels,
                      const histogram *const *histograms)
{
    size_t places[4] = {0};
    int64_t value;
    if (next_value(count, histograms, places, &value)) {
        fprintf(stream, "## HISTOGRAM\tjava.lang.Integer\n%s", bin_label);
        for (int i = 0; i < count; i++)
            if (histograms[i]->bin_count)
                fprintf(stream, "\t%s", labels[i]);
        fputc('\n', stream);
    }
    while (next_value(count, histograms, places, &value)) {
        fprintf(stream, "%" PRId64, value);
        for (int i = 0; i < count; i++)
            write_count_of(stream, histograms[i], &places[i], value);
        fputc('\n', stream);
    }
    fputc('\n', stream);
}
