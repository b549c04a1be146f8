/* BAM files and streams, with htslib's threads, checks of every read and write, index and MD5. */
#ifndef BAM_IO_H
#define BAM_IO_H

#include <htslib/sam.h>
#include <htslib/thread_pool.h>
#include <stdbool.h>

/* Threads for compression and decompression, shared by all files of a subcommand; pool is null for one thread. */
htsThreadPool start_threads(int count);
void stop_threads(htsThreadPool *threads);

typedef struct {
    const char *name; /* "standard input" for "-" */
    samFile *file;
    sam_hdr_t *header;
} bam_reader;

/* Opens SAM or BAM; "-" is standard input. */
bam_reader *open_reader(const char *name, htsThreadPool *threads);

/* An empty record to read into. */
bam1_t *new_record(void);

/* Reads a record: false after the last. Fails if the file is truncated or damaged. */
bool read_record(bam_reader *reader, bam1_t *record);
void close_reader(bam_reader *reader);

/* Fails unless the header says that records are sorted by coordinate. */
void require_sorted(const bam_reader *reader);

typedef struct {
    const char *name;
    int level;        /* of compression, 0 to 9 */
    char *index; /* name of a .bai to write, or null */
    char *md5;   /* name of a file for the BAM's MD5, 32 hexadecimal digits without newline, or null */
} bam_target;

/* A BAM with NAME.bai and NAME.md5; standard output without. */
bam_target target_with_index(const char *name, int level);
void free_target(bam_target *target);

typedef struct bam_writer bam_writer;

/* Writes a header and opens the file for records. "-" is standard output, without index and MD5. */
bam_writer *open_writer(const bam_target *target, sam_hdr_t *header, htsThreadPool *threads);
void write_record(bam_writer *writer, sam_hdr_t *header, const bam1_t *record);
void close_writer(bam_writer *writer);

/* States the version of the SAM format that htsjdk always states, whatever that of the input (SAMFileHeader.CURRENT_VERSION). */
void set_format_version(sam_hdr_t *header);

/* Adds a @PG line to a header, unique and linked to the ones before it as samtools does (sam_hdr_add_pg). Its command line is
   without -@, -M and -T, so that another machine writes the same bytes. method: whose method the subcommand follows. */
void add_program(sam_hdr_t *header, int argc, char **argv, const char *method);

#endif
