/* Numbers as htsjdk's FormatUtil writes them into Picard's tables. */
#ifndef PICARD_TEXT_H
#define PICARD_TEXT_H

/* Room for any of them. */
enum { PICARD_NUMBER = 352 };

/* At most six decimals, without zeros at their end; ties are rounded down; "?" for what is not finite. */
void picard_number(char *text, double value);

#endif
