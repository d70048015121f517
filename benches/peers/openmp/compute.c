// What arithmetic gives: work that memory does not bound, in vectors of eight doubles.

// No function here sets errno, or cares for floating-point exceptions.
#pragma GCC optimize("no-math-errno", "no-trapping-math")

#include "lanes.h"
#include "peer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static long n, times;
static double result;

static double the_result(void) { return result; }

static inline int any(ints mask)
{
    int64_t some = 0;
    for (int l = 0; l < WIDTH; l++)
        some |= mask[l];
    return some != 0;
}

// 1 / sqrt(x): see `rsqrt` of the stock kernels.
static inline lanes rsqrt(lanes x)
{
    const ints guess = 0x5fe6ec85e7de30da - ((ints)x >> 1);
    lanes y = (lanes)guess;
    for (int i = 0; i < 2; i++) {
        lanes e = 1.0 - (x * y) * y;
        y += (e * (e * (e * 0.3125 + 0.375) + 0.5)) * y;
    }
    return y;
}

// k-means: points side by side, four centres at a time.

enum { AXES = 16, BLOCK = 2 * WIDTH, AT_ONCE = 4 };

static long clusters;
static double *points, *centres;

static void prepare_kmeans(const long *arguments)
{
    n = arguments[0], clusters = arguments[1], times = arguments[2];
    points = f64_array(n * AXES), centres = f64_array(clusters * AXES);
#pragma omp parallel for schedule(static)
    for (long i = 0; i < n * AXES; i++)
        points[i] = unit((uint64_t)i);
}

// The nearest centres of a block of points, and the sum of squared distances.
static inline double nearest(const double *block, long *labels)
{
    double turned[AXES][BLOCK];
    for (int a = 0; a < AXES; a++)
        for (int p = 0; p < BLOCK; p++)
            turned[a][p] = block[p * AXES + a];
    lanes across[AXES][2];
    memcpy(across, turned, sizeof across);
    lanes best[2] = { all(INFINITY), all(INFINITY) };
    ints label[2] = { { 0 }, { 0 } };
    for (long c = 0; c < clusters; c += AT_ONCE) {
        lanes squares[AT_ONCE][2] = { 0 };
        for (int a = 0; a < AXES; a++)
            for (int o = 0; o < AT_ONCE; o++)
                for (int h = 0; h < 2; h++) {
                    lanes d = across[a][h] - centres[(c + o) * AXES + a];
                    squares[o][h] += d * d;
                }
        for (int o = 0; o < AT_ONCE; o++)
            for (int h = 0; h < 2; h++) {
                ints nearer = squares[o][h] < best[h];
                best[h] = choose(nearer, squares[o][h], best[h]);
                label[h] = (nearer & (c + o)) | (~nearer & label[h]);
            }
    }
    double sum = 0;
    for (int p = 0; p < BLOCK; p++) {
        labels[p] = label[p / WIDTH][p % WIDTH];
        sum += best[p / WIDTH][p % WIDTH];
    }
    return sum;
}

static void kmeans(void)
{
    memcpy(centres, points, (size_t)(clusters * AXES) * sizeof(double));
    double inertia = 0;
    double *sums = calloc((size_t)(clusters * (AXES + 1)), sizeof(double));
#pragma omp parallel
    {
        long labels[BLOCK];
        double *own = malloc((size_t)(clusters * (AXES + 1)) * sizeof(double));
        for (long t = 0; t < times; t++) {
            memset(own, 0, (size_t)(clusters * (AXES + 1)) * sizeof(double));
#pragma omp for schedule(static)
            for (long p = 0; p < n; p += BLOCK) {
                nearest(points + p * AXES, labels);
                for (int i = 0; i < BLOCK; i++) {
                    double *sum = own + labels[i] * (AXES + 1);
                    for (int a = 0; a < AXES; a++)
                        sum[a] += points[(p + i) * AXES + a];
                    sum[AXES] += 1;
                }
            }
#pragma omp critical
            for (long i = 0; i < clusters * (AXES + 1); i++)
                sums[i] += own[i];
#pragma omp barrier
#pragma omp single
            for (long c = 0; c < clusters; c++) {
                double *sum = sums + c * (AXES + 1);
                for (int a = 0; a < AXES && sum[AXES] > 0; a++)
                    centres[c * AXES + a] = sum[a] / sum[AXES];
                memset(sum, 0, (AXES + 1) * sizeof(double));
            }
        }
#pragma omp for schedule(static) reduction(+ : inertia)
        for (long p = 0; p < n; p += BLOCK)
            inertia += nearest(points + p * AXES, labels);
        free(own);
    }
    free(sums);
    result = inertia;
}

// Gravity: all pairs, bodies side by side.

static const double SOFTENING = 1e-4;
static double *x[3], *v[3], *a[3], *mass;

static void prepare_nbody(const long *arguments)
{
    n = arguments[0], times = arguments[1];
    mass = f64_array(n);
    for (int k = 0; k < 3; k++)
        x[k] = f64_array(n), v[k] = f64_array(n), a[k] = f64_array(n);
}

static void attract(void)
{
#pragma omp for schedule(static)
    for (long i = 0; i < n; i += BLOCK) {
        lanes at[3][2], pull[3][2] = { 0 };
        for (int k = 0; k < 3; k++)
            memcpy(at[k], x[k] + i, sizeof at[k]);
        for (long j = 0; j < n; j++)
            for (int h = 0; h < 2; h++) {
                lanes dx = x[0][j] - at[0][h], dy = x[1][j] - at[1][h], dz = x[2][j] - at[2][h];
                lanes near = rsqrt(dx * dx + (dy * dy + (dz * dz + SOFTENING)));
                lanes weight = mass[j] * near * (near * near);
                pull[0][h] += dx * weight;
                pull[1][h] += dy * weight;
                pull[2][h] += dz * weight;
            }
        for (int k = 0; k < 3; k++)
            memcpy(a[k] + i, pull[k], sizeof pull[k]);
    }
}

// The same as most would write it.
static void attract_by_root(void)
{
#pragma omp for schedule(static)
    for (long i = 0; i < n; i++) {
        double ax = 0, ay = 0, az = 0;
#pragma omp simd reduction(+ : ax, ay, az)
        for (long j = 0; j < n; j++) {
            double dx = x[0][j] - x[0][i], dy = x[1][j] - x[1][i], dz = x[2][j] - x[2][i];
            double near = 1.0 / sqrt(dx * dx + dy * dy + dz * dz + SOFTENING);
            double weight = mass[j] * near * near * near;
            ax += dx * weight, ay += dy * weight, az += dz * weight;
        }
        a[0][i] = ax, a[1][i] = ay, a[2][i] = az;
    }
}

static void add(double *to[3], double factor, double *from[3])
{
    for (int k = 0; k < 3; k++)
#pragma omp for simd schedule(static)
        for (long i = 0; i < n; i++)
            to[k][i] += factor * from[k][i];
}

static void leapfrog(void (*accelerate)(void))
{
    const double step = 1e-3;
    for (long i = 0; i < n; i++) {
        mass[i] = 1.0 / (double)n;
        for (int k = 0; k < 3; k++)
            x[k][i] = unit((uint64_t)(k * n + i)), v[k][i] = 0;
    }
#pragma omp parallel
    {
        accelerate();
        for (long t = 0; t < times; t++) {
            add(v, 0.5 * step, a);
            add(x, step, v);
            accelerate();
            add(v, 0.5 * step, a);
        }
    }
    result = 0;
    for (int k = 0; k < 3; k++)
        for (long i = 0; i < n; i++)
            result += v[k][i] * v[k][i];
}

static void nbody(void) { leapfrog(attract); }
static void nbody_by_root(void) { leapfrog(attract_by_root); }

// The Mandelbrot set: four vectors of points side by side, in batches of steps.

enum { SETS = 4, BATCH = 8 };
static uint32_t *picture;

static void prepare_mandelbrot(const long *arguments)
{
    n = arguments[0], times = arguments[1];
    picture = untouched((size_t)(n * n) * sizeof *picture);
}

static inline void escape(lanes cx[SETS], lanes cy[SETS], uint32_t *steps)
{
    lanes px[SETS] = { 0 }, py[SETS] = { 0 };
    for (int i = 0; i < SETS * WIDTH; i++)
        steps[i] = (uint32_t)times;
    int left = SETS * WIDTH;
    for (long done = 0; done < times && left > 0; done += BATCH) {
        lanes qx[SETS], qy[SETS];
        memcpy(qx, px, sizeof qx), memcpy(qy, py, sizeof qy);
        for (int b = 0; b < BATCH; b++)
            for (int s = 0; s < SETS; s++) {
                lanes old = qx[s];
                qx[s] = (old * old + cx[s]) - qy[s] * qy[s];
                qy[s] = (old + old) * qy[s] + cy[s];
            }
        ints outside = { 0 };
        for (int s = 0; s < SETS; s++)
            outside |= ~(qx[s] * qx[s] + qy[s] * qy[s] < 3.99);
        if (!any(outside)) {
            memcpy(px, qx, sizeof qx), memcpy(py, qy, sizeof qy);
            continue;
        }
        ints inside[SETS], count[SETS] = { 0 };
        memset(inside, 0xff, sizeof inside);
        for (int b = 0; b < BATCH && done + b < times; b++)
            for (int s = 0; s < SETS; s++) {
                lanes old = px[s];
                px[s] = (old * old + cx[s]) - py[s] * py[s];
                py[s] = (old + old) * py[s] + cy[s];
                inside[s] &= px[s] * px[s] + py[s] * py[s] <= 4.0;
                count[s] -= inside[s];
            }
        for (int s = 0; s < SETS; s++) {
            for (int l = 0; l < WIDTH; l++)
                if (!inside[s][l]) {
                    steps[s * WIDTH + l] = (uint32_t)(done + count[s][l]);
                    left--;
                }
            px[s] = (lanes)((ints)px[s] & inside[s]), py[s] = (lanes)((ints)py[s] & inside[s]);
            cx[s] = (lanes)((ints)cx[s] & inside[s]), cy[s] = (lanes)((ints)cy[s] & inside[s]);
        }
    }
}

static void mandelbrot(void)
{
#pragma omp parallel for schedule(dynamic, 1)
    for (long row = 0; row < n; row++)
        for (long first = 0; first < n; first += SETS * WIDTH) {
            lanes cx[SETS], cy[SETS];
            for (int s = 0; s < SETS; s++)
                for (int l = 0; l < WIDTH; l++) {
                    cx[s][l] = -2.0 + ((double)(first + s * WIDTH + l) + 0.5) * 2.5 / (double)n;
                    cy[s][l] = -1.25 + ((double)row + 0.5) * 2.5 / (double)n;
                }
            escape(cx, cy, picture + row * n + first);
        }
}

static double all_steps(void)
{
    double sum = 0;
    for (long i = 0; i < n * n; i++)
        sum += picture[i];
    return sum;
}

const struct row compute_rows[] = {
    { "kmeans", prepare_kmeans, kmeans, the_result },
    { "nbody", prepare_nbody, nbody, the_result },
    { "nbody_by_root", prepare_nbody, nbody_by_root, the_result },
    { "mandelbrot", prepare_mandelbrot, mandelbrot, all_steps },
    { 0 },
};
