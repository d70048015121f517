// What memory gives: passes over arrays that were first touched by the threads that use them.

#include "peer.h"
#include <sys/mman.h>

static long n, times;
static double *x, *y, *z, result;

static void fill(double *values, double (*of)(long))
{
#pragma omp parallel for schedule(static)
    for (long i = 0; i < n; i++)
        values[i] = of(i);
}

static double of_index(long i) { return (double)i; }
static double of_remainder(long i) { return (double)(i % 1000); }
static double half(long i) { return 0.5 + 0.0 * (double)i; }

static void three_arrays(const long *arguments)
{
    n = arguments[0];
    times = arguments[1] ? arguments[1] : 1;
    x = f64_array(n), y = f64_array(n), z = f64_array(n);
    fill(x, half), fill(y, of_remainder), fill(z, of_index);
}

static double last(void) { return x[n - 1]; }
static double the_result(void) { return result; }

static void triad(void)
{
#pragma omp parallel for simd schedule(static)
    for (long i = 0; i < n; i++)
        x[i] = z[i] + 3.0 * y[i];
}

static void copy(void)
{
#pragma omp parallel for simd schedule(static)
    for (long i = 0; i < n; i++)
        x[i] = y[i];
}

static void axpy(void)
{
#pragma omp parallel for simd schedule(static)
    for (long i = 0; i < n; i++)
        x[i] += 1e-9 * y[i];
}

static void dot(void)
{
    double sum = 0;
#pragma omp parallel for simd schedule(static) reduction(+ : sum)
    for (long i = 0; i < n; i++)
        sum += y[i] * z[i];
    result = sum;
}

static void sum(void)
{
    double sum = 0;
#pragma omp parallel for simd schedule(static) reduction(+ : sum)
    for (long i = 0; i < n; i++)
        sum += y[i];
    result = sum;
}

static void max(void)
{
    double most = y[0];
#pragma omp parallel for simd schedule(static) reduction(max : most)
    for (long i = 0; i < n; i++)
        most = y[i] > most ? y[i] : most;
    result = most;
}

// In the caches, a thousand times: one parallel region, so that only a barrier parts the passes.
static void triad_cache(void)
{
#pragma omp parallel
    for (long t = 0; t < times; t++) {
#pragma omp for simd schedule(static)
        for (long i = 0; i < n; i++)
            x[i] = z[i] + 3.0 * y[i];
    }
}

static void dot_cache(void)
{
    double total = 0;
#pragma omp parallel
    for (long t = 0; t < times; t++) {
#pragma omp for simd schedule(static) reduction(+ : total)
        for (long i = 0; i < n; i++)
            total += y[i] * z[i];
    }
    result = total;
}

// Two loops with their shares alike: nobody has to wait in between.
static void triad_dot(void)
{
    double sum = 0;
#pragma omp parallel
    {
#pragma omp for simd schedule(static) nowait
        for (long i = 0; i < n; i++)
            x[i] = z[i] + 3.0 * y[i];
#pragma omp for simd schedule(static) reduction(+ : sum)
        for (long i = 0; i < n; i++)
            sum += x[i] * z[i];
    }
    result = sum;
}

const struct row memory_rows[] = {
    { "triad", three_arrays, triad, last },
    { "copy", three_arrays, copy, last },
    { "axpy", three_arrays, axpy, last },
    { "dot", three_arrays, dot, the_result },
    { "sum", three_arrays, sum, the_result },
    { "max", three_arrays, max, the_result },
    { "triad_dot", three_arrays, triad_dot, the_result },
    { "triad_cache", three_arrays, triad_cache, last },
    { "dot_cache", three_arrays, dot_cache, the_result },
    { 0 },
};
