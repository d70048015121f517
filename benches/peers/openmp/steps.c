// What it costs to have work done that is next to nothing.

#include "peer.h"
#include <omp.h>

enum { LINE = 128 };

static long times;
static volatile uint8_t *bytes;

static void prepare(const long *arguments)
{
    times = arguments[0];
    bytes = untouched((size_t)omp_get_max_threads() * LINE);
}

static double nothing(void) { return 0; }

static void regions(void)
{
    for (long t = 0; t < times; t++) {
#pragma omp parallel
        bytes[omp_get_thread_num() * LINE] = 1;
    }
}

static void barriers(void)
{
#pragma omp parallel
    for (long t = 0; t < times; t++) {
        bytes[omp_get_thread_num() * LINE] = 1;
#pragma omp barrier
    }
}

static void dynamic(void)
{
#pragma omp parallel for schedule(dynamic, 1)
    for (long t = 0; t < times; t++)
        bytes[omp_get_thread_num() * LINE] = 1;
}

// As much as the number says: see `work` of the Rust side.
static uint64_t work(uint64_t number)
{
    const uint64_t a = 6364136223846793005u;
    uint64_t x = number * a ^ number;
    for (uint64_t turns = (x >> 33) % 1000; turns; turns--) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    return x;
}

static void prepare_uneven(const long *arguments)
{
    times = arguments[0];
    bytes = untouched((size_t)times);
}

static void uneven(void)
{
#pragma omp parallel for schedule(dynamic, 16)
    for (long i = 0; i < times; i++)
        bytes[i] = (uint8_t)work((uint64_t)i);
}

const struct row step_rows[] = {
    { "regions", prepare, regions, nothing },
    { "barriers", prepare, barriers, nothing },
    { "dynamic", prepare, dynamic, nothing },
    { "uneven", prepare_uneven, uneven, nothing },
    { 0 },
};
