// Linear algebra, and a stencil: sparse rows times a vector, the transpose, heat on a grid.

#include "peer.h"

enum { PER_ROW = 10, BLOCK = 32, SAMPLE = 97 };

static long rows, columns, sweeps;
static double *x, *y, *values;
static uint64_t *offsets;
static uint32_t *column;

// Weighted, so that what lies in the wrong place is noticed.
static double checked(const double *of, long n, long step)
{
    double sum = 0;
    for (long i = 0; i < n; i += step)
        sum += of[i] * (double)(i % 13);
    return sum;
}

// Arguments: rows, a power of two, and whether columns are at random or in a band.
static void prepare_spmv(const long *arguments)
{
    rows = arguments[0];
    long random = arguments[1], elements = rows * PER_ROW;
    x = f64_array(rows), y = f64_array(rows), values = f64_array(elements);
    offsets = untouched((size_t)(rows + 1) * sizeof *offsets);
    column = untouched((size_t)elements * sizeof *column);
#pragma omp parallel for schedule(static)
    for (long row = 0; row < rows; row++) {
        x[row] = (double)(row % 11);
        y[row] = 0;
        offsets[row + 1] = (uint64_t)(row + 1) * PER_ROW;
        for (long e = row * PER_ROW; e < (row + 1) * PER_ROW; e++) {
            uint64_t at = random ? (uint64_t)e * 0x9E3779B97F4A7C15u >> 32
                                 : (uint64_t)(row + e % PER_ROW);
            column[e] = (uint32_t)(at & (uint64_t)(rows - 1));
            values[e] = (double)(e % 7);
        }
    }
}

static void spmv(void)
{
#pragma omp parallel for schedule(static)
    for (long row = 0; row < rows; row++) {
        double sum = 0;
        for (uint64_t e = offsets[row]; e < offsets[row + 1]; e++)
            sum += values[e] * x[column[e]];
        y[row] = sum;
    }
}

static double check_spmv(void) { return checked(y, rows, 1); }

static void prepare_transpose(const long *arguments)
{
    rows = arguments[0];
    x = f64_array(rows * rows), y = f64_array(rows * rows);
#pragma omp parallel for schedule(static)
    for (long i = 0; i < rows * rows; i++)
        x[i] = (double)(i % 1000), y[i] = 0;
}

// By way of a copy of each block: columns of a matrix of this size share few sets of the caches.
static void transpose(void)
{
#pragma omp parallel for collapse(2) schedule(static)
    for (long top = 0; top < rows; top += BLOCK)
        for (long left = 0; left < rows; left += BLOCK) {
            double turned[BLOCK][BLOCK];
            for (long i = 0; i < BLOCK; i++)
                for (long j = 0; j < BLOCK; j++)
                    turned[j][i] = x[(left + i) * rows + top + j];
            for (long j = 0; j < BLOCK; j++)
                for (long i = 0; i < BLOCK; i++)
                    y[(top + j) * rows + left + i] = turned[j][i];
        }
}

static double check_transpose(void) { return checked(y, rows * rows, SAMPLE); }

static void begin_heat(void)
{
#pragma omp parallel for schedule(static)
    for (long i = 0; i < rows * columns; i++)
        x[i] = y[i] = (double)(i % 1000);
}

static void prepare_heat(const long *arguments)
{
    rows = columns = arguments[0];
    sweeps = arguments[1];
    x = f64_array(rows * columns), y = f64_array(rows * columns);
    begin_heat();
}

// From x to y and back: an even number of sweeps ends in x.
static void heat(void)
{
    const double rate = 0.2;
#pragma omp parallel
    for (long sweep = 0; sweep < sweeps; sweep++) {
        const double *old = sweep % 2 ? y : x;
        double *new = sweep % 2 ? x : y;
#pragma omp for schedule(static)
        for (long row = 1; row < rows - 1; row++) {
            const double *here = old + row * columns, *north = here - columns,
                         *south = here + columns;
            double *to = new + row * columns;
#pragma omp simd
            for (long i = 1; i < columns - 1; i++) {
                double around = (north[i] + south[i]) + (here[i - 1] + here[i + 1]);
                to[i] = here[i] + rate * (around - 4.0 * here[i]);
            }
        }
    }
}

// Each turn begins with the same grid.
static double check_heat(void)
{
    double sum = checked(x, rows * columns, SAMPLE);
    begin_heat();
    return sum;
}

const struct row linear_rows[] = {
    { "spmv", prepare_spmv, spmv, check_spmv },
    { "transpose", prepare_transpose, transpose, check_transpose },
    { "heat", prepare_heat, heat, check_heat },
    { 0 },
};
