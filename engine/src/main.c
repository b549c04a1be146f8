/* bioinfo-assets-engine: the steps after alignment with the results of GATK and Picard. See README.md. */
#include <getopt.h>
#include <htslib/hts_log.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "subcommands.h"

typedef struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage;
} subcommand;

static const subcommand SUBCOMMANDS[] = {
    {"merge", run_merge, "-1 FASTQ.gz -2 FASTQ.gz [-@ THREADS] [--] READS1 READS2 NAME1 NAME2 READ_GROUP [of the next lane ...]"},
    {"aligned", run_aligned, "-i SAM [-n NAME] -d DICT -o BAM -c COUNTS [-l LEVEL] [-@ THREADS]"},
    {"mark", run_mark, "-i BAM -s SET -m METRICS [-c COUNTS] [-d PIXELS] [-u] [-M MEBIBYTES] [-T FOLDER] [-@ THREADS]"},
    {"finish", run_finish, "-i BAM -s SET -r FASTA -o BAM [-l LEVEL] [-@ THREADS]"},
    {"table", run_table, "-i BAM -r FASTA -k VCF.gz [-k VCF.gz ...] -o TABLE [-@ THREADS]"},
    {"apply", run_apply, "-i BAM -t TABLE -o BAM [-q QUALITY ...] [-w] [-l LEVEL] [-@ THREADS]"},
    {"metrics", run_metrics, "-i BAM [-r FASTA -a ALIGNMENT_METRICS] [-s INSERT_SIZE_METRICS] [-@ THREADS]"},
};

static const size_t SUBCOMMAND_COUNT = sizeof SUBCOMMANDS / sizeof *SUBCOMMANDS;

static int print_help(void)
{
    puts("bioinfo-assets-engine " VERSION ": the steps after alignment with the results of GATK and Picard\n");
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        printf("bioinfo-assets-engine %s %s\n", SUBCOMMANDS[i].name, SUBCOMMANDS[i].usage);
    return 0;
}

int main(int argc, char **argv)
{
    opterr = 0;                     /* getopt prints nothing either */
    hts_set_log_level(HTS_LOG_OFF); /* the program's own sentences say what is wrong */
    signal(SIGPIPE, SIG_DFL);       /* if what reads the output has failed, that has the reason */
    if (argc < 2)
        fail_usage("a subcommand is missing: see bioinfo-assets-engine --help");
    if (!strcmp(argv[1], "--help"))
        return print_help();
    if (!strcmp(argv[1], "--version"))
        return puts(VERSION) < 0;
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        if (!strcmp(argv[1], SUBCOMMANDS[i].name))
            return SUBCOMMANDS[i].run(argc - 1, argv + 1);
    fail_usage("%s is not a subcommand: see bioinfo-assets-engine --help", argv[1]);
}
