#include "report.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

void write_report_head(FILE *stream, int tables) { fprintf(stream, "#:GATKReport.v1.1:%d\n", tables); }

static bool is_hexadecimal(const char *digits) { return *digits && !digits[strspn(digits, "0123456789abcdefABCDEF")]; }

/* Digits with at most one point and one exponent, and Java's suffix of a type. */
static bool is_decimal(const char *text)
{
    bool digit = false, point = false, exponent = false;
    for (; *text; text++) {
        if (isdigit((unsigned char)*text)) {
            digit = true;
        } else if (*text == '.' && !point && !exponent) {
            point = true;
        } else if ((*text == 'e' || *text == 'E') && digit && !exponent) {
            exponent = true;
            digit = false;
            text += text[1] == '+' || text[1] == '-';
        } else {
            bool real = strchr("dDfF", *text), whole = strchr("lL", *text) && !exponent && !point;
            return digit && !text[1] && (real || whole);
        }
    }
    return digit;
}

/* What Java's reader of numbers takes (NumberUtils.isCreatable): also hexadecimal and octal numbers. */
static bool is_number(const char *text)
{
    text += *text == '-' || *text == '+';
    if (text[0] == '0' && text[1] && !strpbrk(text, ".eE") && (text[1] == 'x' || text[1] == 'X'))
        return is_hexadecimal(text + 2);
    if (text[0] == '0' && isdigit((unsigned char)text[1]) && !strchr(text, '.'))
        return !text[strspn(text, "01234567")];
    return is_decimal(text);
}

static bool is_aligned_right(const char *cell) { return !strcmp(cell, "null") || !strcmp(cell, "NA") || is_number(cell); }

static void write_cell(FILE *stream, const char *text, int width, bool right, bool last)
{
    fprintf(stream, right ? "%*s" : "%-*s", width, text);
    fputs(last ? "\n" : "  ", stream);
}

static void write_heading(FILE *stream, const report_table *table)
{
    fprintf(stream, "#:GATKTable:%d:%zu:", table->column_count, table->row_count);
    for (int i = 0; i < table->column_count; i++)
        fprintf(stream, "%s:", table->formats[i]);
    fprintf(stream, ";\n#:GATKTable:%s:%s\n", table->name, table->description);
}

void write_report_table(FILE *stream, const report_table *table)
{
    int widths[MOST_COLUMNS];
    bool right[MOST_COLUMNS];
    report_row row;
    for (int i = 0; i < table->column_count; i++) {
        widths[i] = (int)strlen(table->columns[i]);
        right[i] = true;
    }
    for (size_t k = 0; k < table->row_count; k++) {
        table->fill(table->source, k, &row);
        for (int i = 0; i < table->column_count; i++) {
            int width = (int)strlen(row.cells[i]);
            widths[i] = width > widths[i] ? width : widths[i];
            right[i] = right[i] && is_aligned_right(row.cells[i]);
        }
    }
    write_heading(stream, table);
    for (int i = 0; i < table->column_count; i++)
        write_cell(stream, table->columns[i], widths[i], false, i + 1 == table->column_count);
    for (size_t k = 0; k < table->row_count; k++) {
        table->fill(table->source, k, &row);
        for (int i = 0; i < table->column_count; i++)
            write_cell(stream, row.cells[i], widths[i], right[i], i + 1 == table->column_count);
    }
    fputc('\n', stream);
}
