#include "read_groups.h"

#include <htslib/khash.h>
#include <stdlib.h>

#include "error.h"
#include "memory.h"

KHASH_MAP_INIT_STR(group, int)

static char *field(sam_hdr_t *header, int at, const char *key)
{
    kstring_t text = KS_INITIALIZE;
    int found = sam_hdr_find_tag_pos(header, "RG", at, key, &text);
    if (found == -2)
        fail("the header's read groups cannot be read: write the BAM again");
    return found == 0 ? ks_release(&text) : (ks_free(&text), NULL);
}

static void add(read_groups *groups, sam_hdr_t *header, int at)
{
    read_group *group = &groups->groups[at];
    *group = (read_group){
        .id = field(header, at, "ID"),
        .unit = field(header, at, "PU"),
        .library = field(header, at, "LB"),
        .sample = field(header, at, "SM"),
        .platform = field(header, at, "PL"),
    };
    if (!group->id)
        fail("read group %d of the header has no ID: write the BAM with one", at + 1);
    int state;
    khiter_t place = kh_put(group, groups->by_id, group->id, &state);
    if (state < 0)
        fail("there is no memory for the header's read groups: give the job more memory");
    kh_val((khash_t(group) *)groups->by_id, place) = at;
}

read_groups *read_groups_of(sam_hdr_t *header)
{
    read_groups *groups = allocate(1, sizeof *groups);
    int count = sam_hdr_count_lines(header, "RG");
    groups->count = count < 0 ? 0 : count;
    groups->groups = allocate(groups->count, sizeof *groups->groups);
    groups->by_id = kh_init(group);
    if (!groups->by_id)
        fail("there is no memory for the header's read groups: give the job more memory");
    for (int i = 0; i < groups->count; i++)
        add(groups, header, i);
    return groups;
}

void read_groups_free(read_groups *groups)
{
    for (int i = 0; i < groups->count; i++) {
        free((char *)groups->groups[i].id);
        free((char *)groups->groups[i].unit);
        free((char *)groups->groups[i].library);
        free((char *)groups->groups[i].sample);
        free((char *)groups->groups[i].platform);
    }
    kh_destroy(group, groups->by_id);
    free(groups->groups);
    free(groups);
}

const char *read_group_name(const bam1_t *record)
{
    const uint8_t *tag = bam_aux_get(record, "RG");
    return tag && *tag == 'Z' ? bam_aux2Z(tag) : NULL;
}

int read_group_of(const read_groups *groups, const bam1_t *record)
{
    const char *id = read_group_name(record);
    if (!id)
        return -1;
    khash_t(group) *by_id = groups->by_id;
    khiter_t place = kh_get(group, by_id, id);
    return place == kh_end(by_id) ? -1 : kh_val(by_id, place);
}
