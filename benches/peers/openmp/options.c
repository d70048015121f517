// European options by the formula of Black and Scholes, in vectors of eight doubles.
//
// `prices` takes the very functions of the Rust side (see its `elementary`), stage by stage;
// `prices_by_library` takes exponential and logarithm from the C library's vector functions, which
// compilers call on their own only where they are told that accuracy matters less.

#pragma GCC optimize("no-math-errno", "no-trapping-math")

#include "lanes.h"
#include "peer.h"
#include <math.h>
#include <string.h>

// That they set no errno must be said here too, or no loop that calls them becomes vectors.
#pragma omp declare simd notinbranch
extern double exp(double) __attribute__((const));
#pragma omp declare simd notinbranch
extern double log(double) __attribute__((const));
extern double sqrt(double) __attribute__((const));

static const double RATE = 0.02, VOLATILITY = 0.3;

static long n;
static double *stock, *strike, *years, *call, *put;

static void prepare(const long *arguments)
{
    n = arguments[0];
    stock = f64_array(n), strike = f64_array(n), years = f64_array(n);
    call = f64_array(n), put = f64_array(n);
#pragma omp parallel for schedule(static)
    for (long i = 0; i < n; i++) {
        stock[i] = 5 + 25 * unit((uint64_t)(3 * i));
        strike[i] = 1 + 99 * unit((uint64_t)(3 * i + 1));
        years[i] = 0.25 + 9.75 * unit((uint64_t)(3 * i + 2));
        call[i] = put[i] = 0;
    }
}

static double sum_of_prices(void)
{
    double sum = 0;
    for (long i = 0; i < n; i++)
        sum += call[i] + put[i];
    return sum;
}

static const double EXP[] = {
    0.16666666666666669, 0.041666666666651364, 0.008333333333330065, 0.0013888888905872654,
    0.00019841269863041792, 2.480153640688647e-5, 2.7557268478651017e-6, 2.761379659052022e-7,
    2.510037652317223e-8,
};
static const double LN[] = {
    0.3333333333333333, -0.24999999999998568, 0.19999999999997753, -0.16666666667373084,
    0.14285714286899662, -0.12499999898597759, 0.11111110901908847, -0.10000006485777481,
    0.0909092551211310, -0.08333117958768436, 0.07691642200833898, -0.07146698497566673,
    0.06681524979629486, -0.06216821143930229, 0.05700278989578534, -0.05608668668488465,
    0.06364364804189664, -0.06042935441698882, 0.027800320775509455,
};
static const double TAIL[] = {
    0.769193049750063, -0.665382502890057, 0.4953056159699805, -0.3135331566712814,
    0.16502036617019517, -0.06911863870707162, 0.02079506680323404, -0.002993376758978478,
    -0.0007978694277475297, 0.0005448989683735629, -5.937558833377767e-5,
    -4.9762327924579515e-5, 1.6680852719925394e-5, 3.979361513829216e-6, -2.768878783672091e-6,
    -3.335427141231054e-7, 4.3347664285137567e-7, 3.8571448567257587e-8, -6.741689051823604e-8,
    -6.940847374044867e-9, 9.275082241537343e-9, 1.2713759260278231e-9, -7.854458583247658e-10,
    -1.331210743010702e-10,
};

#define POLYNOMIAL(x, value, coefficients)                                       \
    for (int c = (int)(sizeof(coefficients) / sizeof(double)) - 1; c-- > 0;)      \
    value = value * x + coefficients[c]
#define LAST(coefficients) coefficients[sizeof(coefficients) / sizeof(double) - 1]

static const double TO_INTEGER = 6755399441055744.0, LN_2_LOW = 2.3190468138462996e-17;

static inline lanes exp_of(lanes x)
{
    x = choose(x > 710.0, all(710.0), x);
    x = choose(x < -746.0, all(-746.0), x);
    lanes shifted = x * M_LOG2E + TO_INTEGER;
    lanes k = shifted - TO_INTEGER;
    lanes r = (x - k * M_LN2) - k * LN_2_LOW;
    lanes value = all(LAST(EXP));
    POLYNOMIAL(r, value, EXP);
    value = (r * r) * (value * r + 0.5) + r + 1.0;
    ints twice = (ints)shifted - (ints)all(TO_INTEGER) + 2046;
    ints half = twice >> 1;
    return value * (lanes)(half << 52) * (lanes)((twice - half) << 52);
}

// Of normal positive numbers.
static inline lanes ln_of(lanes x)
{
    const int64_t root = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000;
    ints bits = (ints)x + (one - root);
    lanes k = (lanes)((bits >> 52) | 0x4330000000000000) - (0x1p52 + 1023);
    lanes f = (lanes)((bits & 0xfffffffffffff) + root) - 1.0;
    lanes square = f * f, value = all(LAST(LN));
    POLYNOMIAL(f, value, LN);
    value = (f * square) * value - 0.5 * square;
    return k * M_LN2 + (f + (k * LN_2_LOW + value));
}

// The part of the normal distribution below -|x|, without its density.
static inline lanes mills(lanes a)
{
    lanes near = 1.0 / (a + 5.0), t = (a - 5.0) * near, value = all(LAST(TAIL));
    POLYNOMIAL(t, value, TAIL);
    return value * near;
}

// The normal distribution at x and at -x.
static inline void normal(lanes x, lanes *below, lanes *above)
{
    lanes a = (lanes)((ints)x & 0x7fffffffffffffff);
    a = choose(a > 39.0, all(39.0), a);
    lanes square = a * a, rest = a * a - square, density = exp_of(-0.5 * square);
    lanes tail = (density * (-0.5 * rest) + density) * mills(a);
    *below = choose(x > 0.0, 1.0 - tail, tail), *above = choose(x > 0.0, tail, 1.0 - tail);
}

enum { SETS = 8 };

static inline lanes at(const double *from, int set)
{
    lanes value;
    memcpy(&value, from + set * WIDTH, sizeof value);
    return value;
}

// Stage by stage, so that each is short enough for the CPU to overlap its turns.
static void block(const double *stock, const double *strike, const double *years, double *call,
                  double *put)
{
    lanes d1[SETS], d2[SETS], paid[SETS], held[SETS], not_held[SETS];
    for (int s = 0; s < SETS; s++)
        d1[s] = ln_of(at(stock, s) / at(strike, s));
    for (int s = 0; s < SETS; s++) {
        lanes time = at(years, s), deviation;
        for (int l = 0; l < WIDTH; l++)
            deviation[l] = sqrt(time[l]);
        deviation = VOLATILITY * deviation;
        d1[s] = ((RATE + 0.5 * VOLATILITY * VOLATILITY) * time + d1[s]) / deviation;
        d2[s] = d1[s] - deviation;
    }
    for (int s = 0; s < SETS; s++)
        paid[s] = at(strike, s) * exp_of(-RATE * at(years, s));
    for (int s = 0; s < SETS; s++) {
        normal(d1[s], &held[s], &not_held[s]);
        held[s] *= at(stock, s), not_held[s] *= at(stock, s);
    }
    for (int s = 0; s < SETS; s++) {
        lanes due, not_due;
        normal(d2[s], &due, &not_due);
        lanes calls = held[s] - paid[s] * due, puts = paid[s] * not_due - not_held[s];
        memcpy(call + s * WIDTH, &calls, sizeof calls);
        memcpy(put + s * WIDTH, &puts, sizeof puts);
    }
}

static void prices(void)
{
#pragma omp parallel for schedule(static)
    for (long i = 0; i < n; i += SETS * WIDTH)
        block(stock + i, strike + i, years + i, call + i, put + i);
}

static inline double tail_by_library(double a)
{
    // Written out, as the compiler turns no loop with a loop in it into vectors.
#define TERM(c) value = value * t + TAIL[c]
    double near = 1.0 / (a + 5.0), t = (a - 5.0) * near, value = TAIL[23];
    TERM(22), TERM(21), TERM(20), TERM(19), TERM(18), TERM(17), TERM(16), TERM(15), TERM(14);
    TERM(13), TERM(12), TERM(11), TERM(10), TERM(9), TERM(8), TERM(7), TERM(6), TERM(5), TERM(4);
    TERM(3), TERM(2), TERM(1), TERM(0);
    return value * near * exp(-0.5 * a * a);
}

static void prices_by_library(void)
{
#pragma omp parallel for simd schedule(static)
    for (long i = 0; i < n; i++) {
        double deviation = VOLATILITY * sqrt(years[i]);
        double drift = (RATE + 0.5 * VOLATILITY * VOLATILITY) * years[i];
        double d1 = (log(stock[i] / strike[i]) + drift) / deviation, d2 = d1 - deviation;
        double tail1 = tail_by_library(fabs(d1)), tail2 = tail_by_library(fabs(d2));
        double held = d1 > 0 ? 1 - tail1 : tail1, due = d2 > 0 ? 1 - tail2 : tail2;
        double not_held = d1 > 0 ? tail1 : 1 - tail1, not_due = d2 > 0 ? tail2 : 1 - tail2;
        double paid = strike[i] * exp(-RATE * years[i]);
        call[i] = stock[i] * held - paid * due;
        put[i] = paid * not_due - stock[i] * not_held;
    }
}

const struct row option_rows[] = {
    { "black_scholes", prepare, prices, sum_of_prices },
    { "black_scholes_by_library", prepare, prices_by_library, sum_of_prices },
    { 0 },
};
