// IS of the NAS Parallel Benchmarks, as the reference does it: the keys are brought into buckets, whose keys
// are then counted; and its other variant, in which each thread counts its keys for itself.

#include "npb.h"
#include "peer.h"
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { ITERATIONS = 10, TESTS = 5, CHANGED = 2 * ITERATIONS + 1, BUCKETS_LOG_MAX = 10 };

static long count, values, buckets, bucket_shift;
static uint32_t *keys, *moved, *ranks, **tables;
static uint32_t changed[CHANGED];
static int passed;

// The published keys to be tested, their ranks, and how these change.
static const struct tests {
    long count;
    long indices[TESTS], ranks[TESTS];
    // 1 where the rank rises with the iterations, -1 where it falls; and what they are counted from.
    int directions[TESTS], offsets[TESTS];
} published[] = {
    { 1L << 16, { 48427, 17148, 23627, 62548, 4431 }, { 0, 18, 346, 64917, 65463 },
      { 1, 1, 1, -1, -1 }, { 0 } },
    { 1L << 20, { 357773, 934767, 875723, 898999, 404505 },
      { 1249, 11698, 1039987, 1043896, 1048018 }, { 1, 1, -1, -1, -1 }, { 2, 2 } },
    { 1L << 23, { 2112377, 662041, 5336171, 3642833, 4250760 },
      { 104, 17523, 123928, 8288932, 8388264 }, { 1, 1, 1, -1, -1 }, { 1, 1, 1, 1, 1 } },
    { 1L << 25, { 41869, 812306, 5102857, 18232239, 26860214 },
      { 33422937, 10244, 59149, 33135281, 99 }, { -1, 1, 1, -1, 1 }, { 0 } },
};
static const struct tests *tests;

static void prepare(const long *arguments)
{
    count = 1L << arguments[0], values = 1L << arguments[1];
    // The reference has 2^10 buckets, and 2^9 in class S.
    long log = arguments[0] <= 16 ? BUCKETS_LOG_MAX - 1 : BUCKETS_LOG_MAX;
    buckets = 1L << log, bucket_shift = arguments[1] - log;
    for (tests = published; tests->count != count; tests++) {
    }
    keys = untouched((size_t)count * sizeof *keys);
    moved = untouched((size_t)count * sizeof *moved);
    ranks = untouched((size_t)values * sizeof *ranks);
    tables = malloc((size_t)omp_get_max_threads() * sizeof *tables);
#pragma omp parallel
    {
        tables[omp_get_thread_num()] = untouched((size_t)values * sizeof **tables);
#pragma omp for schedule(static)
        for (long block = 0; block < count; block += 1024) {
            uint64_t state = 314159265;
            npb_skip(&state, 4 * (uint64_t)block);
            for (long i = block; i < block + 1024; i++) {
                double sum = npb_next(&state);
                for (int k = 1; k < 4; k++)
                    sum += npb_next(&state);
                keys[i] = (uint32_t)((double)(values / 4) * sum);
            }
        }
    }
    memcpy(changed, keys, sizeof changed);
}

static void by_buckets(void)
{
    static uint32_t *sizes[256], ends[1 << BUCKETS_LOG_MAX];
#pragma omp parallel
    {
        int own = omp_get_thread_num(), threads = omp_get_num_threads();
        uint32_t size[1 << BUCKETS_LOG_MAX] = { 0 }, place[1 << BUCKETS_LOG_MAX];
        sizes[own] = size;
#pragma omp for schedule(static)
        for (long i = 0; i < count; i++)
            size[keys[i] >> bucket_shift]++;
        uint32_t before = 0;
        for (long bucket = 0; bucket < buckets; bucket++) {
            for (int thread = 0; thread < threads; thread++) {
                if (thread == own)
                    place[bucket] = before;
                before += sizes[thread][bucket];
            }
            if (own == 0)
                ends[bucket] = before;
        }
#pragma omp for schedule(static)
        for (long i = 0; i < count; i++)
            moved[place[keys[i] >> bucket_shift]++] = keys[i];
#pragma omp for schedule(dynamic)
        for (long bucket = 0; bucket < buckets; bucket++) {
            long first = bucket << bucket_shift, end = (bucket + 1) << bucket_shift;
            for (long value = first; value < end; value++)
                ranks[value] = 0;
            uint32_t rank = bucket > 0 ? ends[bucket - 1] : 0;
            for (uint32_t i = rank; i < ends[bucket]; i++)
                ranks[moved[i]]++;
            for (long value = first; value < end; value++)
                ranks[value] = rank += ranks[value];
        }
    }
}

static void by_tables(void)
{
#pragma omp parallel
    {
        uint32_t *own = tables[omp_get_thread_num()];
        int threads = omp_get_num_threads();
        memset(own, 0, (size_t)values * sizeof *own);
#pragma omp for schedule(static)
        for (long i = 0; i < count; i++)
            own[keys[i]]++;
        // In the reference each sums up its own, which is more work.
#pragma omp for simd schedule(static)
        for (long value = 0; value < values; value++) {
            uint32_t all = 0;
            for (int thread = 0; thread < threads; thread++)
                all += tables[thread][value];
            ranks[value] = all;
        }
    }
    uint32_t rank = 0;
    for (long value = 0; value < values; value++)
        ranks[value] = rank += ranks[value];
}

static void iterate(void (*rank)(void))
{
    passed = 0;
    memcpy(keys, changed, sizeof changed);
    for (int iteration = 1; iteration <= ITERATIONS; iteration++) {
        keys[iteration] = (uint32_t)iteration;
        keys[iteration + ITERATIONS] = (uint32_t)(values - iteration);
        rank();
        for (int test = 0; test < TESTS; test++) {
            uint32_t key = keys[tests->indices[test]];
            long change = tests->directions[test] * (iteration - tests->offsets[test]);
            passed += key > 0 && ranks[key - 1] == tests->ranks[test] + change;
        }
    }
}

static void buckets_run(void) { iterate(by_buckets); }
static void tables_run(void) { iterate(by_tables); }

// The tests that were passed, and one more if the ranks bring the keys into order.
static double check(void)
{
    uint32_t *free_places = malloc((size_t)values * sizeof *free_places);
    memcpy(free_places, ranks, (size_t)values * sizeof *free_places);
    for (long i = 0; i < count; i++)
        moved[--free_places[keys[i]]] = keys[i];
    free(free_places);
    for (long i = 1; i < count; i++)
        if (moved[i - 1] > moved[i])
            return passed;
    return passed + 1;
}

const struct row npb_is_rows[] = {
    { "npb_is", prepare, buckets_run, check },
    { "npb_is_tables", prepare, tables_run, check },
    { 0 },
};
