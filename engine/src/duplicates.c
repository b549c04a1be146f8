#include "duplicates.h"

#include <stdlib.h>

#include "memory.h"
#include "spill.h"

/* Picard looks for no optical duplicates among more pairs than this. */
enum { MOST_COMPARED = 300000 };

/* Places on the flow cell of pairs that are duplicates of each other. */
typedef struct {
    size_t pairs; /* with and without a place */
    flow_cell_place *places;
    size_t count, capacity;
} compared;

/* Pairs that are duplicates of each other: so many as come, for they are not kept. */
typedef struct {
    read_end first; /* of them in their order */
    size_t size;
    int16_t best_score;
    uint32_t best; /* template */
    compared forward_reverse, other; /* by the strands of reads 1 and 2 */
} pair_set;

struct duplicate_finder {
    int distance;
    spill *pairs, *singles;
    /* A bit for each hash of a single end's place: only ends of pairs that have such a place need to be compared with
       single ones. */
    uint8_t *single_places;
    uint64_t place_bits; /* their number, a power of two */
    uint32_t *roots;
    size_t root_capacity;
};

duplicate_finder *duplicate_finder_new(size_t bytes, const char *folder, int distance)
{
    duplicate_finder *finder = allocate(1, sizeof *finder);
    finder->distance = distance;
    finder->pairs = spill_new(bytes / 8 * 5, folder);
    finder->singles = spill_new(bytes / 8 * 2, folder);
    for (finder->place_bits = 8; finder->place_bits * 2 <= bytes; finder->place_bits *= 2)
        ;
    finder->single_places = allocate(finder->place_bits / 8, 1);
    return finder;
}

static uint64_t place_bit(const duplicate_finder *finder, const read_end *end)
{
    uint64_t hash = (end->first ^ (uint64_t)end->library << 50 ^ (uint64_t)end->strands << 49) * 0x9E3779B97F4A7C15U;
    return (hash ^ hash >> 32) & (finder->place_bits - 1);
}

void add_pair(duplicate_finder *finder, const read_end *pair)
{
    spill_add(finder->pairs, pair);
}

void add_single(duplicate_finder *finder, const read_end *end)
{
    uint64_t bit = place_bit(finder, end);
    finder->single_places[bit / 8] |= (uint8_t)(1 << bit % 8);
    spill_add(finder->singles, end);
}

/* Lets an end of a pair take part in the comparison of single ends. */
static void add_end_of_pair(duplicate_finder *finder, const read_end *pair, bool higher)
{
    read_end end = end_of_pair(pair, higher);
    uint64_t bit = place_bit(finder, &end);
    if (finder->single_places[bit / 8] >> bit % 8 & 1)
        spill_add(finder->singles, &end);
}

static void compare_later(compared *list, const flow_cell_place *place)
{
    list->pairs++;
    if (place->tile == NO_TILE || list->count >= MOST_COMPARED)
        return;
    list->places = grow(list->places, &list->capacity, list->count + 1, sizeof *list->places);
    list->places[list->count++] = *place;
}

static size_t optical_duplicates(duplicate_finder *finder, compared *list)
{
    if (list->pairs < 2 || list->pairs > MOST_COMPARED)
        return 0;
    finder->roots = grow(finder->roots, &finder->root_capacity, list->count, sizeof *finder->roots);
    return count_optical(list->places, list->count, finder->distance, finder->roots);
}

static void start_pair_set(pair_set *set, const read_end *pair)
{
    set->first = *pair;
    set->size = 0;
    set->forward_reverse.pairs = set->forward_reverse.count = 0;
    set->other.pairs = set->other.count = 0;
}

/* Adds a pair: it is a duplicate, or the best one so far is. */
static void add_to_pair_set(pair_set *set, const read_end *pair, duplicate_set *duplicates)
{
    bool best = set->size == 0 || pair->score > set->best_score;
    if (set->size > 0)
        add_duplicate(duplicates, best ? set->best : pair->template_number);
    if (best) {
        set->best = pair->template_number;
        set->best_score = pair->score;
    }
    set->size++;
    compare_later(pair->sequenced == FORWARD_REVERSE ? &set->forward_reverse : &set->other, &pair->place);
}

static void count_pair_set(duplicate_finder *finder, pair_set *set, duplication *counts)
{
    size_t optical = 0;
    if (set->size == 0)
        return;
    if (set->size > 1)
        optical = optical_duplicates(finder, &set->forward_reverse) + optical_duplicates(finder, &set->other);
    library_counts *library = &counts->libraries[set->first.library];
    library->pair_duplicates += set->size - 1;
    library->optical_duplicates += optical;
    count_value(&counts->all, (int64_t)set->size);
    count_value(&counts->non_optical, (int64_t)(set->size - optical));
    if (optical)
        count_value(&counts->optical, (int64_t)optical + 1);
}

static void find_pairs(duplicate_finder *finder, duplicate_set *duplicates, duplication *counts)
{
    pair_set set = {0};
    read_end pair;
    spill_sort(finder->pairs);
    while (spill_next(finder->pairs, &pair)) {
        if (set.size == 0 || !same_ends(&set.first, &pair)) {
            count_pair_set(finder, &set, counts);
            start_pair_set(&set, &pair);
        }
        add_to_pair_set(&set, &pair, duplicates);
        add_end_of_pair(finder, &pair, false);
        add_end_of_pair(finder, &pair, true);
    }
    count_pair_set(finder, &set, counts);
    free(set.forward_reverse.places);
    free(set.other.places);
}

/* Single ends at one place, and ends of pairs there. */
typedef struct {
    read_end first;
    bool any, with_pairs;
    size_t singles;
    int16_t best_score;
    uint32_t best;
} single_set;

/* Once an end of a pair is there all single ones are duplicates, else all but the best. */
static void add_to_single_set(single_set *set, const read_end *end, duplicate_set *duplicates)
{
    if (end->paired) {
        set->with_pairs = true;
        return;
    }
    bool best = set->singles == 0 || end->score > set->best_score;
    if (set->singles > 0)
        add_duplicate(duplicates, best ? set->best : end->template_number);
    if (best) {
        set->best = end->template_number;
        set->best_score = end->score;
    }
    set->singles++;
}

static void end_single_set(const single_set *set, duplicate_set *duplicates, duplication *counts)
{
    if (set->singles == 0)
        return;
    if (set->with_pairs)
        add_duplicate(duplicates, set->best);
    counts->libraries[set->first.library].unpaired_duplicates += set->singles - !set->with_pairs;
}

static void find_singles(duplicate_finder *finder, duplicate_set *duplicates, duplication *counts)
{
    single_set set = {0};
    read_end end;
    spill_sort(finder->singles);
    while (spill_next(finder->singles, &end)) {
        if (!set.any || !same_ends(&set.first, &end)) {
            end_single_set(&set, duplicates, counts);
            set = (single_set){.first = end, .any = true};
        }
        add_to_single_set(&set, &end, duplicates);
    }
    end_single_set(&set, duplicates, counts);
}

void find_duplicates(duplicate_finder *finder, duplicate_set *set, duplication *counts)
{
    find_pairs(finder, set, counts);
    spill_free(finder->pairs);
    finder->pairs = NULL;
    find_singles(finder, set, counts);
}

void duplicate_finder_free(duplicate_finder *finder)
{
    spill_free(finder->singles);
    free(finder->single_places);
    free(finder->roots);
    free(finder);
}
