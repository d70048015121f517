// Products of matrices by OpenBLAS, with as many threads as it is told to use (OPENBLAS_NUM_THREADS).

#include "../openmp/peer.h"
#include <cblas.h>

static blasint rows, inner, columns;
static void *a, *b, *c;

static void sizes(const long *arguments)
{
    rows = (blasint)arguments[0];
    inner = (blasint)arguments[1];
    columns = (blasint)arguments[2];
}

#define FILL(type, to, n, modulus)                                                                 \
    do {                                                                                           \
        to = untouched((size_t)(n) * sizeof(type));                                                \
        for (long i = 0; i < (long)(n); i++)                                                       \
            ((type *)to)[i] = (type)(i % modulus - modulus / 2);                                   \
    } while (0)

static void prepare_f64(const long *arguments)
{
    sizes(arguments);
    FILL(double, a, (long)rows * inner, 11);
    FILL(double, b, (long)inner * columns, 13);
    FILL(double, c, (long)rows * columns, 1);
}

static void prepare_f32(const long *arguments)
{
    sizes(arguments);
    FILL(float, a, (long)rows * inner, 11);
    FILL(float, b, (long)inner * columns, 13);
    FILL(float, c, (long)rows * columns, 1);
}

static void gemm_f64(void)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, columns, inner, 1.0, a, inner, b,
                columns, 0.0, c, columns);
}

static void gemm_f32(void)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, columns, inner, 1.0f, a, inner, b,
                columns, 0.0f, c, columns);
}

// Weighted, so that what lies in the wrong place is noticed.
#define CHECK(type)                                                                                \
    double sum = 0;                                                                                \
    for (long i = 0; i < (long)rows * columns; i++)                                                \
        sum += (double)((type *)c)[i] * (double)(i % 13);                                          \
    return sum

static double check_f64(void) { CHECK(double); }
static double check_f32(void) { CHECK(float); }

const struct row blas_rows[] = {
    { "gemm f64", prepare_f64, gemm_f64, check_f64 },
    { "gemm f32", prepare_f32, gemm_f32, check_f32 },
    { 0 },
};
