// CG of the NAS Parallel Benchmarks, as the reference does it: the matrix row by row, and loops for
// products, sums and updates in one parallel region.

#include "npb.h"
#include "peer.h"
#include <math.h>
#include <stdlib.h>

enum { STEPS = 25 };

static long n, nonzer, iterations;
static double shift, zeta, residual;
static int *starts, *columns;
static double *values, *x, *z, *p, *q, *r;

struct element {
    int column;
    double value;
};

// One of the random vectors: `nonzer` random places and elements, and 1/2 in place `own`.
static long sparse_vector(uint64_t *state, long own, struct element *vector)
{
    long places = 1, count = 0, at = 0;
    while (places < n)
        places *= 2;
    while (count < nonzer) {
        double value = npb_next(state);
        int column = (int)((double)places * npb_next(state));
        for (at = 0; at < count && vector[at].column != column; at++) {
        }
        if (column < n && at == count)
            vector[count++] = (struct element){ column, value };
    }
    for (at = 0; at < count && vector[at].column != own; at++) {
    }
    vector[at] = (struct element){ (int)own, 0.5 };
    return at == count ? count + 1 : count;
}

// Brings a row's elements into order, those of one column in the order in which they were made, and adds
// these up; gives how many are left.
static long in_order(struct element *row, long count)
{
    for (long i = 1; i < count; i++) {
        struct element own = row[i];
        long at = i;
        for (; at > 0 && row[at - 1].column > own.column; at--)
            row[at] = row[at - 1];
        row[at] = own;
    }
    long left = 0;
    for (long i = 0; i < count; i++) {
        if (left > 0 && row[left - 1].column == row[i].column)
            row[left - 1].value += row[i].value;
        else
            row[left++] = row[i];
    }
    return left;
}

// The sum of the vectors' outer products, as a list of elements per row.
static void make_matrix(void)
{
    const double rcond = 0.1;
    long width = nonzer + 1;
    struct element *vectors = malloc((size_t)(n * width) * sizeof *vectors);
    long *lengths = malloc((size_t)n * sizeof *lengths);
    long *ends = calloc((size_t)n + 1, sizeof *ends);
    uint64_t state = 314159265;
    npb_skip(&state, 1);
    for (long i = 0; i < n; i++) {
        lengths[i] = sparse_vector(&state, i, vectors + i * width);
        for (long k = 0; k < lengths[i]; k++)
            ends[vectors[i * width + k].column + 1] += lengths[i];
    }
    for (long row = 0; row < n; row++)
        ends[row + 1] += ends[row];
    struct element *all = malloc((size_t)ends[n] * sizeof *all);
    long *filled = calloc((size_t)n, sizeof *filled);
    double size = 1, ratio = pow(rcond, 1.0 / (double)n);
    for (long i = 0; i < n; i++, size *= ratio) {
        const struct element *vector = vectors + i * width;
        for (long k = 0; k < lengths[i]; k++) {
            int row = vector[k].column;
            double scale = size * vector[k].value;
            for (long l = 0; l < lengths[i]; l++) {
                double value = vector[l].value * scale;
                if (row == i && vector[l].column == row)
                    value = value + rcond - shift;
                all[ends[row] + filled[row]++] = (struct element){ vector[l].column, value };
            }
        }
    }
    starts = untouched((size_t)(n + 1) * sizeof *starts);
    for (long row = 0; row < n; row++)
        starts[row + 1] = starts[row] + (int)in_order(all + ends[row], filled[row]);
    columns = untouched((size_t)starts[n] * sizeof *columns);
    values = f64_array(starts[n]);
#pragma omp parallel for schedule(static)
    for (long row = 0; row < n; row++)
        for (long k = starts[row]; k < starts[row + 1]; k++) {
            columns[k] = all[ends[row] + k - starts[row]].column;
            values[k] = all[ends[row] + k - starts[row]].value;
        }
    free(vectors), free(lengths), free(ends), free(all), free(filled);
}

static void prepare(const long *arguments)
{
    n = arguments[0], nonzer = arguments[1], iterations = arguments[2];
    shift = (double)arguments[3];
    make_matrix();
    x = f64_array(n), z = f64_array(n), p = f64_array(n), q = f64_array(n), r = f64_array(n);
}

// b = A a, by all threads of the region.
static void product(const double *a, double *b)
{
#pragma omp for schedule(static) nowait
    for (long row = 0; row < n; row++) {
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (long k = starts[row]; k < starts[row + 1]; k++)
            sum += values[k] * a[columns[k]];
        b[row] = sum;
    }
}

// Steps towards A z = x, by all threads of the region.
static void conjugate_gradients(void)
{
    static double rho, d, square;
#pragma omp single
    rho = 0, square = 0;
#pragma omp for simd schedule(static) reduction(+ : rho)
    for (long i = 0; i < n; i++) {
        z[i] = 0;
        p[i] = r[i] = x[i];
        rho += r[i] * r[i];
    }
    for (int step = 0; step < STEPS; step++) {
        double before = rho;
#pragma omp barrier
#pragma omp single
        d = 0, rho = 0;
        product(p, q);
#pragma omp for simd schedule(static) reduction(+ : d)
        for (long i = 0; i < n; i++)
            d += p[i] * q[i];
        double alpha = before / d;
#pragma omp for simd schedule(static) reduction(+ : rho)
        for (long i = 0; i < n; i++) {
            z[i] += alpha * p[i];
            r[i] -= alpha * q[i];
            rho += r[i] * r[i];
        }
        double beta = rho / before;
#pragma omp for simd schedule(static)
        for (long i = 0; i < n; i++)
            p[i] = r[i] + beta * p[i];
    }
    product(z, r);
#pragma omp for simd schedule(static) reduction(+ : square)
    for (long i = 0; i < n; i++)
        square += (x[i] - r[i]) * (x[i] - r[i]);
#pragma omp single
    residual = sqrt(square);
}

static void run(void)
{
    double xz = 0, zz = 0;
#pragma omp parallel
    {
#pragma omp for simd schedule(static)
        for (long i = 0; i < n; i++)
            x[i] = 1;
        for (long iteration = 0; iteration < iterations; iteration++) {
            conjugate_gradients();
#pragma omp single
            xz = 0, zz = 0;
#pragma omp for simd schedule(static) reduction(+ : xz, zz)
            for (long i = 0; i < n; i++) {
                xz += x[i] * z[i];
                zz += z[i] * z[i];
            }
            double by = 1 / sqrt(zz);
#pragma omp for simd schedule(static)
            for (long i = 0; i < n; i++)
                x[i] = by * z[i];
        }
    }
    zeta = shift + 1 / xz;
}

static double check(void) { return zeta; }

const struct row npb_cg_rows[] = { { "npb_cg", prepare, run, check }, { 0 } };
