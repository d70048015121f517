// What the machine can do at most: bytes per second, operations per second, round trips.

#define _GNU_SOURCE
#include "lanes.h"
#include "peer.h"
#include <immintrin.h>
#include <linux/futex.h>
#include <omp.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CHAINS = 12, SPAN = 8 };

static long n, times;
static double *x, *y, *z, result;

// Three arrays in huge pages, where the system gives some when asked.
static void prepare_arrays(const long *arguments)
{
    n = arguments[0];
    double **const all[] = { &x, &y, &z };
    for (int a = 0; a < 3; a++) {
        double *values = *all[a] = f64_array(n);
        madvise(values, (size_t)n * sizeof(double), MADV_HUGEPAGE);
#pragma omp parallel for schedule(static)
        for (long i = 0; i < n; i++)
            values[i] = (double)(i % 1000);
    }
}

static void read_all(void)
{
    double sum = 0;
#pragma omp parallel reduction(+ : sum)
    {
        lanes sums[4] = { 0 };
        const lanes *values = (const lanes *)y;
#pragma omp for schedule(static)
        for (long i = 0; i < n / WIDTH / 4; i++)
            for (int s = 0; s < 4; s++)
                sums[s] += values[4 * i + s];
        lanes total = sums[0] + sums[1] + sums[2] + sums[3];
        for (int l = 0; l < WIDTH; l++)
            sum += total[l];
    }
    result = sum;
}

// With stores that go past the caches.
static void stream_triad(void)
{
#pragma omp parallel
    {
#pragma omp for schedule(static)
        for (long i = 0; i < n / 2; i++) {
            __m128d b = _mm_load_pd(y + 2 * i), c = _mm_load_pd(z + 2 * i);
            _mm_stream_pd(x + 2 * i, _mm_add_pd(b, _mm_mul_pd(_mm_set1_pd(3.0), c)));
        }
        _mm_sfence();
    }
}

static void prepare_times(const long *arguments) { times = arguments[0]; }

// Multiply and add, in as many independent chains as hide each other's latency: 2 * CHAINS * SPAN
// operations a turn and thread, whatever the width.
static void multiply_add(void)
{
    double sum = 0;
#pragma omp parallel reduction(+ : sum)
    {
        lanes chain[CHAINS];
        for (int c = 0; c < CHAINS; c++)
            for (int l = 0; l < WIDTH; l++)
                chain[c][l] = 1.0 + 1e-3 * (c + l + omp_get_thread_num());
        for (long t = 0; t < times * SPAN / WIDTH; t++)
            for (int c = 0; c < CHAINS; c++)
                chain[c] = chain[c] * 0.999999 + 1e-6;
        for (int c = 0; c < CHAINS; c++)
            sum += chain[c][0];
    }
    result = sum;
}

static _Atomic int ball;

static void wait_for(int turn, int sleeps)
{
    for (int seen; (seen = atomic_load_explicit(&ball, memory_order_acquire)) != turn;)
        if (sleeps)
            syscall(SYS_futex, &ball, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
        else
            _mm_pause();
}

// Two threads, each waiting for the other.
static void round_trips(int sleeps)
{
    ball = 0;
#pragma omp parallel num_threads(2)
    {
        int own = omp_get_thread_num();
        for (long t = 0; t < times; t++) {
            wait_for(own, sleeps);
            atomic_store_explicit(&ball, 1 - own, memory_order_release);
            if (sleeps)
                syscall(SYS_futex, &ball, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        }
    }
}

static void spin_trips(void) { round_trips(0); }
static void futex_trips(void) { round_trips(1); }
static double the_result(void) { return result; }
static double nothing(void) { return 0; }

const struct row roof_rows[] = {
    { "read", prepare_arrays, read_all, the_result },
    { "stream_triad", prepare_arrays, stream_triad, nothing },
    { "multiply_add", prepare_times, multiply_add, the_result },
    { "spin_trips", prepare_times, spin_trips, nothing },
    { "futex_trips", prepare_times, futex_trips, nothing },
    { 0 },
};
