// The whole-number smoothing: its weights, and how far it can be from the exact one.
//
// What the other files rely on
// ----------------------------
// For each pixel p let f(p) be the smoothed value as scikit-image computes it
// (find_exactly gives the same bits) and F(p) the whole number that the fine
// smoothing gives. Then, with constants z > 0, o and e that depend only on the
// filters and on the range of the pixels,
//
//     | F(p) - z (f(p) - o) | <= e.                                         (1)
//
// Two things follow, and they are all that is used:
//   - if F(q) - F(p) > 2e, then f(q) > f(p): p is not the maximum of a window
//     that holds q. Plan::ambiguity is the largest whole number not above 2e;
//   - if F(p) <= z (t - o) - e, then f(p) <= t: p is not above the threshold.
//     Smoothing::threshold is the largest whole number not above the right side.
// Every pixel that survives is decided by exact values. So no bound here, however
// loose, can change a result: only time is lost.
//
// The derivation of (1)
// ---------------------
// Let u_i, w_j >= 0 be the weights along columns and rows (doubles, taken as
// exact real numbers), U and W their sums, ry and rx the radii, v the pixels
// (outside the image those of the nearest edge), A >= max |v|. The subscripts of
// v are left out: sums over i run along columns, over j along rows.
//
// (a) The definition against the real numbers, g = sum_j w_j sum_i u_i v.
//     SciPy computes, along each axis, w_0 v_0 + sum_j (v_-j + v_j) w_j from the
//     outermost pair inwards: each product has one rounding of the pair's sum
//     and one of the product, and then at most r + 1 additions. With the unit
//     roundoff 2^-53 and gamma_n = n 2^-53 / (1 - n 2^-53) (Higham, Accuracy and
//     Stability of Numerical Algorithms, 2002, lemma 3.1 and section 3.1), the
//     error of one axis is at most gamma_(r+3) times the sum of |w_j v|. Both
//     axes: |f - g| <= U W A ((1 + gamma_(ry+3)) (1 + gamma_(rx+3)) - 1). When
//     the values are stored as float32 between and after the axes, each storing
//     multiplies by 1 + d with |d| <= 2^-24. (Results below the least normal
//     float32 or float64 have an absolute error instead, of at most 2^-150 or
//     2^-1075; we require A >= 1e-30, which makes it vanish in what follows.)
//     For n 2^-53 < 0.01, twice the first-order terms bounds all of it:
//         |f - g| <= D1 = 2 A ((rx + ry + 8) 2^-53 + [float32] 2^-23).
//     The weights are normalised in floating point: |U - 1| and |W - 1| are at
//     most (2r + 3) 2^-53 up to a factor that the 2 below covers, so that
//         |o (1 - U W)| <= D2 = 2 |o| (2 rx + 2 ry + 8) 2^-53.
//
// (b) The numbers. s = k (v - o) + d with |d| <= q (Numbers::rounding) and
//     |s| <= M; the real k (v - o) is at most M + q. (k = Numbers::scale.)
//
// (c) The vertical filter has whole weights a_i = alpha u_i + da_i, and rounds:
//     V = 2^-h sum_i a_i s + r1 with |r1| <= 1/2 (h = Smoothing::shift, floor of
//     the sum plus a half; exact for h = 0). Against 2^-h alpha sum_i u_i k (v - o):
//         error <= 2^-h (M sum |da_i| + alpha U q) + 1/2.
//
// (d) The horizontal filter has weights b_j = beta w_j + db_j, and rounds:
//     F = 2^-16 (sum_j b_j V + r3) + r2 with |r2| <= 1/2. The b_j are whole, r3 = 0;
//     or, in wide filters, whole numbers plus 2^-k times whole numbers, whose
//     sum is a second one, floored by the shift of k: 0 <= -r3 < 1. With z = k alpha beta 2^-h
//     2^-16, |F - z/k * sum_j w_j sum_i u_i k (v - o)| is at most
//         e1 = 2^-16 [ (sum b_j) (2^-h (M sum |da_i| + alpha U q) + 1/2)
//                      + (sum |db_j|) 2^-h alpha U (M + q) + 1 ] + 1/2,
//     by adding the two ways to be wrong: V itself, weighted by b_j, and the
//     weights db_j, applied to the real value that V stands for.
//
// (e) g - o = sum_j w_j sum_i u_i (v - o) - o (1 - U W), hence with (a)
//         e = e1 + z (D1 + D2).
//     e is computed in double precision; the factor 1 + 1e-9 and the term 1e-6
//     cover the rounding of that computation, of the da_i and db_j, and U, W != 1.
//
// No sum overflows: the weights are not negative, so every partial sum of
// a_i s is at most M sum a_i, and of b_j V at most max|V| sum b_j; both are kept
// below 2^31 - 2^24, and max|V|, |F| at most 32767. The sum of the corrections
// stays below 2^30 and adds less than 2^23 after its shift (see correct).
//
// The sieve
// ---------
// Rows and columns come in groups of four, m is the maximum over the 4 x 4 pixels
// of a tile of max(0, s - B), halved and rounded up, for any whole number B (the
// background). Let G_d be the largest sum of weights u_i that rows of one group can
// have on the group d groups away, and H_d the same of the w_j. For every pixel p of
// a tile
//     sum_j w_j sum_i u_i (s - B) <= sum_d H_d sum_d G_d 2 m,
// because s - B <= 2 m and 2 m >= 0 in each tile. The sieve smooths m with
// weights rounded up and sums rounded up, so its result R, floored by the last
// shift, has R + 1 > z' sum_d H_d sum_d G_d m with z' = alpha' beta' 2^-h' 2^-16.
// If f(p) > t, then by (a) and (b) the left side is above
//     k (t - o) - B - (q + k (D1 + D2) + 1e-3) = 2 T,
// where 1e-3 covers B (1 - U W) and q (U W - 1); so R + 1 > z' T. Where R is not
// above floor(z' T) - 1, no pixel of the tile is above the threshold. (Maxima of
// 4 x 1 pixels leave 45 % of the blocks of make_plate.py's images at threshold 300,
// those of 4 x 4 leave 48 %, and take an eighth of the time.)
//
// Samples
// -------
// Of the four rows of a group one is smoothed first, the sample. How high can the
// rows between two samples be? Let c, c' >= 0 be such that for all whole i
//     u_|i - d| <= c u_|i| + c' u_|i - 4|.                                   (2)
// Take numbers that are not below a base b within the reach of all filters. They
// are weighted, d rows below the upper sample, by the left side of (2), in the two
// samples by the right side's parts; so, with G = z/k sum_j w_j sum_i u_i k (v - o),
// of which F is within e, and the base's own response B <= G everywhere,
//     G(d) - B <= c (G(0) - B) + c' (G(4) - B).
// With X = max(F - B, 0) of the two samples, B a whole number:
//     F(d) <= B + c X(0) + c' X(4) + (1 + c + c') e.
// It is computed in 16 bits that saturate upwards: each product is floored, which
// adds less than 1. Samples::margin holds that 2 and the last term. A sample that was
// left out counts as Samples::left_out, which it is not above. For a Gaussian
// c + c' is exp(d (4 - d) / (2 sigma^2)): 1.13 at most for sigma 4. Narrow filters
// have no c below 1, and wide ones a bound hardly above the samples.
//
// Where this bound is not above the threshold, nothing is; where it is below a sample
// of the pixel's window by more than 2e, the pixel is no maximum. Both need no more
// than the samples: 13 % of the blocks are left at threshold 300. A pixel left out so
// may still be above another that is tested: the bound is computed again for it there,
// and if that does not tell, its exact value.
#include "plan.h"

#include <math.h>

#include "arena.h"
#include "whole.h"

namespace nucensus {
namespace {

// Of the samples: with more than this they rule out too little. On the plate of
// make_plate.py sigma 3 (1.25) is a sixth faster with them, sigma 2 (1.65) a twentieth slower.
constexpr double largest_share = 1.5;

// From this radius on the horizontal filter gets a correction. On the plate of
// make_plate.py at threshold 300 it made sigma 30 four times as fast, sigma 16
// and 8 a tenth faster, and sigma 4 slower (benchmarks/kernel.py, group sigma).
constexpr int64_t corrected_radius = 32;
int clamped(double value) {
    if (!(value > -32768)) return -32768;
    return value < 32767 ? static_cast<int>(value) : 32767;
}

// e1 of (d).
double fine_error(const Numbers& numbers, const Whole& a, int shift, const Whole& b) {
    const double per_sum = ldexp(1.0, -shift);
    const double vertical =
        per_sum * (numbers.largest * a.deviation + a.scale * numbers.rounding) + 0.5;
    const double horizontal =
        b.deviation * per_sum * a.scale * (numbers.largest + numbers.rounding);
    return 0x1p-16 * (b.sum * vertical + horizontal + 1) + 0.5;
}

struct Room {
    Whole a, b;
    int32_t *vertical, *horizontal, *corrections, *sieve_vertical, *sieve_horizontal;
    double* group_weights;
};

struct Fit {
    double limit = 0, vertical_part = 1, horizontal_part = 1;
    int shift = -1;
};

void fit_exactly(const MaximaSettings& settings, const Numbers& numbers, Fit& fit, Room& room) {
    fit.shift = fit_vertical(settings.vertical, numbers.largest, fit.limit * fit.vertical_part,
                             false, room.a);
    fit_horizontal(settings.horizontal, fit.limit, fit.horizontal_part, false, room.b);
}

// The weights are rounded with better or worse luck at different scales: of
// eight scales for each filter, take those that fit best.
bool fit_luckily(const MaximaSettings& settings, const Numbers& numbers, Fit& fit, Room& room) {
    double best_vertical = INFINITY, best_horizontal = INFINITY;
    for (double part = 1; part > 0.7; part -= 0.04) {
        const int shift =
            fit_vertical(settings.vertical, numbers.largest, fit.limit * part, false, room.a);
        const double error =
            (numbers.largest * room.a.deviation + ldexp(0.5, shift)) / room.a.scale;
        if (shift >= 0 && error < best_vertical) {
            best_vertical = error;
            fit.vertical_part = part;
        }
        if (!fit_horizontal(settings.horizontal, fit.limit, part, false, room.b)) continue;
        const double deviation = (room.b.deviation * fit.limit + 0x1p15) / room.b.scale;
        if (deviation < best_horizontal) {
            best_horizontal = deviation;
            fit.horizontal_part = part;
        }
    }
    if (best_vertical == INFINITY || best_horizontal == INFINITY) return false;
    fit_exactly(settings, numbers, fit, room);
    return true;
}

// The least c_far with w(i - distance) <= c_near w(i) + c_far w(i - 4) for all i.
double far_share(const double* weights, int64_t radius, int64_t distance, double near) {
    const auto weight = [=](int64_t i) {
        const int64_t j = i < 0 ? -i : i;
        return j <= radius ? weights[j] : 0.0;
    };
    double far = 0;
    for (int64_t i = distance - radius; i <= distance + radius; ++i) {
        const double rest = weight(i - distance) - near * weight(i);
        const double share = rest / weight(i - rows_together);  // infinity where it cannot be
        if (rest > 0 && !(share <= far)) far = share;
    }
    return far;
}

// See "Samples" above: the shares whose sum is the least.
void plan_samples(const MaximaSettings& settings, double unit, double error, Plan& plan) {
    const double* weights = settings.vertical;
    const int64_t radius = settings.vertical_radius;
    double share[rows_together] = {0, 2, 2, 2};
    for (double near = 0.5; near < 1; near += 0.03125) {
        const double far = far_share(weights, radius, 1, near);
        if (near + far < share[1] + share[3]) {
            share[1] = near;
            share[3] = far;
        }
        const double middle = fmax(near, far_share(weights, radius, 2, near));
        if (middle < share[2]) share[2] = middle;
    }
    double most = 2 * share[2];
    if (share[1] + share[3] > most) most = share[1] + share[3];
    plan.has_samples = most < largest_share;
    for (int distance = 1; distance < rows_together; ++distance) {
        const double whole = ceil(share[distance] * slack * 0x1p16);
        if (!(whole < 0x1p16)) plan.has_samples = false;
        plan.samples.share[distance] = plan.has_samples ? static_cast<int>(whole) : 0;
    }
    const double margin = ceil((most + 1) * error) + 2;
    if (!(margin < 0x1p15)) plan.has_samples = false;
    plan.samples.margin = plan.has_samples ? static_cast<int>(margin) : 0;
    plan.samples.unit = unit;
}

bool plan_fine(const MaximaSettings& settings, const Numbers& numbers, double definition,
               Room& room, Plan& plan) {
    room.a.radius = settings.vertical_radius;
    room.b.radius = settings.horizontal_radius;
    // Between the filters there are 16 bits: fewer of them for the value V leave
    // more for the weights b_j. Narrow filters want the former, wide ones the
    // latter.
    double best = INFINITY;
    Smoothing& fine = plan.fine;
    Fit fit, best_fit;
    for (int bits = room.b.radius >= corrected_radius ? 15 : 11; bits <= 15; ++bits) {
        fit.limit = (1 << bits) - 1;
        if (!fit_luckily(settings, numbers, fit, room)) continue;
        const double unit = room.a.scale * room.b.scale * ldexp(1.0, -fit.shift - 16);
        const double error = fine_error(numbers, room.a, fit.shift, room.b) / unit;
        if (error < best) {
            best = error;
            best_fit = fit;
        }
    }
    if (best == INFINITY) return false;
    fit_exactly(settings, numbers, best_fit, room);
    fine.shift = best_fit.shift;
    fine.vertical = pair_rows(room.a, room.vertical);
    fine.horizontal = pair_columns(room.b, room.horizontal);
    if (room.b.radius >= corrected_radius)
        correct(settings.horizontal, best_fit.limit, room.b, room.corrections, fine.horizontal);
    fine.vertical_rounding = fine.shift > 0 ? 1 << (fine.shift - 1) : 0;
    fine.horizontal_rounding = 1 << 15;
    const double unit = room.a.scale * room.b.scale * ldexp(1.0, -fine.shift - 16);
    const double error =
        (fine_error(numbers, room.a, fine.shift, room.b) + unit * numbers.scale * definition) *
            slack +
        1e-6;
    if (!(error < 16000)) return false;
    plan.ambiguity = static_cast<int>(2 * error);
    plan_samples(settings, unit, error, plan);
    plan.samples.rounding = numbers.rounding;
    const double limit = settings.has_threshold
                             ? unit * numbers.scale * (settings.threshold - numbers.offset)
                             : -INFINITY;
    fine.threshold = clamped(floor(limit - fabs(limit) * 1e-11 - error));
    plan.samples.left_out = clamped(ceil(limit + fabs(limit) * 1e-11 + error));
    return true;
}

// G_d: the largest sum of weights that one row has on a whole group of rows. The
// same for columns, of which as many are in a group.
double group_weight(const double* weights, int64_t radius, int64_t group) {
    double most = 0;
    for (int row = 0; row < rows_together; ++row) {
        double sum = 0;
        for (int other = 0; other < rows_together; ++other) {
            const int64_t distance = group * rows_together + other - row;
            const int64_t j = distance < 0 ? -distance : distance;
            if (j <= radius) sum += weights[j];
        }
        most = sum > most ? sum : most;
    }
    return most;
}

int64_t groups_in(int64_t radius) { return (radius + rows_together - 1) / rows_together; }

void group_weights(const double* weights, int64_t radius, double* out) {
    for (int64_t group = 0; group <= groups_in(radius); ++group)
        out[group] = group_weight(weights, radius, group);
}

void plan_sieve(const MaximaSettings& settings, const Numbers& numbers, double definition,
                Room& room, Plan& plan) {
    plan.has_sieve = false;
    if (!settings.has_threshold) return;
    const double threshold = (settings.threshold - numbers.offset) * numbers.scale;
    if (!(threshold > numbers.typical)) return;
    // Measured on the plates of make_plate.py: any background between the
    // typical value and half-way to the threshold does as well to within 2 %.
    const double guess = numbers.typical + 0.2 * (threshold - numbers.typical);
    plan.background = static_cast<int>(fmin(fmax(guess, -32767), 32766));
    const double room_above =
        threshold - plan.background - numbers.rounding - numbers.scale * definition * slack - 1e-3;
    const int64_t largest = (numbers.largest - plan.background + 1) / 2;
    if (!(room_above > 0) || largest < 1) return;
    room.a.radius = plan.group_reach;
    room.b.radius = groups_in(settings.horizontal_radius);
    constexpr int64_t limit = 16383;
    Smoothing& sieve = plan.sieve;
    group_weights(settings.vertical, settings.vertical_radius, room.group_weights);
    sieve.shift = fit_vertical(room.group_weights, largest, limit, true, room.a);
    if (sieve.shift < 0) return;
    group_weights(settings.horizontal, settings.horizontal_radius, room.group_weights);
    if (!fit_horizontal(room.group_weights, limit, 1, true, room.b)) return;
    sieve.vertical = pair_rows(room.a, room.sieve_vertical);
    sieve.horizontal = pair_columns(room.b, room.sieve_horizontal);
    sieve.vertical_rounding = (1 << sieve.shift) - 1;
    sieve.horizontal_rounding = 0;
    const double unit = room.a.scale * room.b.scale * ldexp(1.0, -sieve.shift - 16);
    sieve.threshold = clamped(floor(unit * room_above / 2 / slack) - 1);
    plan.has_sieve = true;
}

}  // namespace

double definition_error(const Image& image, const MaximaSettings& settings, double largest_pixel,
                        double offset) {
    const double radii = static_cast<double>(settings.vertical_radius + settings.horizontal_radius);
    const bool may_be_single =
        image.pixel_type == pixel_float32 || image.pixel_type == pixel_float16;
    const double rounding = (radii + 8) * 0x1p-53 + (may_be_single ? 0x1p-23 : 0);
    return 2 * largest_pixel * rounding + 2 * fabs(offset) * (2 * radii + 8) * 0x1p-53;
}

bool make_plan(const Image& image, const MaximaSettings& settings, const Numbers& numbers,
               Plan& plan) {
    const int64_t ry = settings.vertical_radius, rx = settings.horizontal_radius;
    static_assert(columns_together == rows_together);
    plan.group_reach = groups_in(ry);
    const int64_t group_count = groups_in(ry > rx ? ry : rx) + 2;
    const int64_t vertical_size = rows_together * (ry + rows_together);
    const int64_t horizontal_size = 2 * (rx + 2);
    Room room;
    const bool has_memory = take_scratch(slot_weights, [&](Cutter& parts) {
        room.group_weights = parts.take<double>(group_count);
        room.a.weight = parts.take<int32_t>(ry + 1);
        room.b.weight = parts.take<int32_t>(rx + 1);
        room.vertical = parts.take<int32_t>(vertical_size);
        room.horizontal = parts.take<int32_t>(horizontal_size);
        room.corrections = parts.take<int32_t>(horizontal_size);
        room.sieve_vertical = parts.take<int32_t>(vertical_size);
        room.sieve_horizontal = parts.take<int32_t>(horizontal_size);
    });
    if (!has_memory) return false;
    const double definition =
        definition_error(image, settings, numbers.largest_pixel, numbers.offset);
    if (!plan_fine(settings, numbers, definition, room, plan)) return false;
    plan_sieve(settings, numbers, definition, room, plan);
    return true;
}

}  // namespace nucensus
