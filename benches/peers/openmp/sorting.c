// Prefix sums and counts. Large arrays ask for huge pages, as whoever knows of them does.

#define _GNU_SOURCE
#include "peer.h"
#include <omp.h>
#include <string.h>
#include <sys/mman.h>

static long n, bins;

// Advice: where it is refused, pages are small.
static void *huge(void *start, size_t bytes)
{
    madvise(start, bytes, MADV_HUGEPAGE);
    return start;
}

// Prefix sums in two passes: each thread sums its part, then scans it from the sum of all before.

static double *x, *y, *sums;

static void two_arrays(const long *arguments)
{
    n = arguments[0];
    x = huge(f64_array(n), (size_t)n * sizeof *x);
    y = huge(f64_array(n), (size_t)n * sizeof *y);
    sums = f64_array(8 * (omp_get_max_threads() + 1));
#pragma omp parallel for schedule(static)
    for (long i = 0; i < n; i++)
        x[i] = (double)(i % 1000), y[i] = 0;
}

static void scan(void)
{
#pragma omp parallel
    {
        long threads = omp_get_num_threads(), thread = omp_get_thread_num();
        long begin = n * thread / threads, end = n * (thread + 1) / threads;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (long i = begin; i < end; i++)
            sum += x[i];
        sums[8 * (thread + 1)] = sum;
#pragma omp barrier
        double before = 0;
        for (long t = 1; t <= thread; t++)
            before += sums[8 * t];
#pragma omp simd reduction(inscan, + : before)
        for (long i = begin; i < end; i++) {
            before += x[i];
#pragma omp scan inclusive(before)
            y[i] = before;
        }
    }
}

static double last(void) { return y[n - 1]; }

// Counts: few bins in four tables per thread; more in one; very many part by part in the caches.

enum { TABLES = 4, BLOCK = 128 << 10, PART = 1 << 16 };

static uint32_t *keys, *own, *ends;
static uint16_t *pieces;
static uint64_t *counts;

static uint64_t mixed(uint64_t i)
{
    uint64_t bits = (i + 1) * 0x9e3779b97f4a7c15u;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
}

static void some_keys(const long *arguments)
{
    n = arguments[0], bins = arguments[1];
    keys = huge(u32_array(n), (size_t)n * sizeof *keys);
    counts = huge(u64_array(bins), (size_t)bins * sizeof *counts);
#pragma omp parallel for schedule(static)
    for (long i = 0; i < n; i++)
        keys[i] = (uint32_t)mixed((uint64_t)i) % (uint32_t)bins;
#pragma omp parallel for schedule(static)
    for (long i = 0; i < bins; i++)
        counts[i] = 0;
}

static void tables_per_thread(const long *arguments)
{
    some_keys(arguments);
    own = u32_array(omp_get_max_threads() * TABLES * bins);
}

static void blocks_and_parts(const long *arguments)
{
    some_keys(arguments);
    long blocks = (n + BLOCK - 1) / BLOCK, parts = (bins + PART - 1) / PART;
    pieces = huge(u16_array(blocks * BLOCK), (size_t)(blocks * BLOCK) * sizeof *pieces);
    ends = u32_array(blocks * parts);
#pragma omp parallel for schedule(static)
    for (long block = 0; block < blocks; block++) {
        memset(pieces + block * BLOCK, 0, BLOCK * sizeof *pieces);
        memset(ends + block * parts, 0, (size_t)parts * sizeof *ends);
    }
}

// Adds up the tables of all threads, `tables` each.
static void add_up(long tables)
{
    long threads = omp_get_num_threads();
#pragma omp for schedule(static)
    for (long bin = 0; bin < bins; bin++) {
        uint64_t sum = 0;
        for (long table = 0; table < threads * tables; table++)
            sum += own[table * bins + bin];
        counts[bin] = sum;
    }
}

static void histogram_256(void)
{
#pragma omp parallel
    {
        uint32_t *mine = own + omp_get_thread_num() * TABLES * bins;
        memset(mine, 0, (size_t)(TABLES * bins) * sizeof *mine);
#pragma omp for schedule(static)
        for (long i = 0; i < n / TABLES; i++)
            for (long table = 0; table < TABLES; table++)
                mine[table * bins + keys[TABLES * i + table]]++;
#pragma omp single
        for (long i = n / TABLES * TABLES; i < n; i++)
            mine[keys[i]]++;
        add_up(TABLES);
    }
}

static void histogram_64k(void)
{
#pragma omp parallel
    {
        uint32_t *mine = own + omp_get_thread_num() * bins;
        memset(mine, 0, (size_t)bins * sizeof *mine);
#pragma omp for schedule(static)
        for (long i = 0; i < n; i++)
            mine[keys[i]]++;
        add_up(1);
    }
}

// Sorts a block by part, in the cache.
static void divide(const uint32_t *key, long len, uint16_t *piece, uint32_t *end, long parts)
{
    memset(end, 0, (size_t)parts * sizeof *end);
    for (long i = 0; i < len; i++)
        end[key[i] / PART]++;
    uint32_t before = 0;
    for (long part = 0; part < parts; part++) {
        uint32_t count = end[part];
        end[part] = before;
        before += count;
    }
    for (long i = 0; i < len; i++)
        piece[end[key[i] / PART]++] = (uint16_t)key[i];
}

static void histogram_16m(void)
{
    long blocks = (n + BLOCK - 1) / BLOCK, parts = (bins + PART - 1) / PART;
#pragma omp parallel
    {
#pragma omp for schedule(static)
        for (long block = 0; block < blocks; block++) {
            long rest = n - block * BLOCK;
            divide(keys + block * BLOCK, rest < BLOCK ? rest : BLOCK, pieces + block * BLOCK,
                   ends + block * parts, parts);
        }
#pragma omp for schedule(static)
        for (long part = 0; part < parts; part++) {
            uint64_t *of = counts + part * PART;
            memset(of, 0, PART * sizeof *of);
            for (long block = 0; block < blocks; block++) {
                const uint32_t *end = ends + block * parts + part;
                const uint16_t *piece = pieces + block * BLOCK;
                for (uint32_t i = part ? end[-1] : 0; i < end[0]; i++)
                    of[piece[i]]++;
            }
        }
    }
}

static double weighted(void)
{
    double sum = 0;
    for (long bin = 0; bin < bins; bin++)
        sum += (double)(bin % 1000 + 1) * (double)counts[bin];
    return sum;
}

const struct row sorting_rows[] = {
    { "scan", two_arrays, scan, last },
    { "histogram_256", tables_per_thread, histogram_256, weighted },
    { "histogram_64k", tables_per_thread, histogram_64k, weighted },
    { "histogram_16m", blocks_and_parts, histogram_16m, weighted },
    { 0 },
};
