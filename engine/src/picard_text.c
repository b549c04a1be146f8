#include "picard_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DECIMALS = 6, EXACT = 40 };

/* Whether a number lies just between two of six decimals. The digits are exact: a double that has zeros from its eighth
   decimal to its 40th has only zeros. */
static int is_tie(const char *digits)
{
    const char *after = strchr(digits, '.') + 1 + DECIMALS;
    return *after == '5' && strspn(after + 1, "0") == strlen(after + 1);
}

void picard_number(char *text, double value)
{
    char exact[PICARD_NUMBER];
    if (!isfinite(value)) {
        strcpy(text, "?");
        return;
    }
    snprintf(exact, sizeof exact, "%.*f", EXACT, value);
    if (is_tie(exact)) {
        *(strchr(exact, '.') + 1 + DECIMALS) = '\0';
        strcpy(text, exact);
    } else {
        snprintf(text, PICARD_NUMBER, "%.*f", DECIMALS, value);
    }
    char *end = text + strlen(text);
    while (end[-1] == '0')
        *--end = '\0';
    if (end[-1] == '.')
        *--end = '\0';
    if (!strcmp(text, "-0"))
        strcpy(text, "0");
}
