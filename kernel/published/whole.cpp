// Filters of whole numbers: how their weights are rounded and laid out.
#include "whole.h"

#include <math.h>

namespace nucensus {
namespace {

constexpr int64_t largest_weight = 32767;
constexpr int64_t largest_sum = INT32_MAX - (1 << 24);  // leaves room to round

int64_t floor_half(int64_t value) { return value >= 0 ? value / 2 : -((1 - value) / 2); }

// Weights that add up to about `sum` but not above it by more than their number.
void scale_weights(const double* weights, double sum, bool upwards, Whole& whole) {
    double total = weights[0], largest = weights[0];
    for (int64_t j = 1; j <= whole.radius; ++j) {
        total += 2 * weights[j];
        largest = weights[j] > largest ? weights[j] : largest;
    }
    whole.scale = sum / total;
    const double limit = (largest_weight - 1) / largest;
    if (whole.scale > limit) whole.scale = limit;
    whole.deviation = 0;
    whole.sum = 0;
    for (int64_t j = 0; j <= whole.radius; ++j) {
        const double real = weights[j] * whole.scale;
        const double target = upwards ? real * slack : real + 0.5;
        const int32_t floored = static_cast<int32_t>(target);
        whole.weight[j] = floored + (upwards && floored < target);
        const int times = j > 0 ? 2 : 1;
        whole.deviation += times * fabs(whole.weight[j] - real);
        whole.sum += times * whole.weight[j];
    }
}

}  // namespace

int Whole::at(int64_t distance) const {
    const int64_t j = distance < 0 ? -distance : distance;
    return j <= radius ? weight[j] : 0;
}

int fit_vertical(const double* weights, int64_t largest, double limit, bool upwards, Whole& whole) {
    const double count = 2.0 * whole.radius + 1;
    for (int shift = 24; shift >= 0; --shift) {
        const double sum = ldexp(limit - 2, shift) / largest - count;
        if (sum < 1 || sum * largest > largest_sum) continue;
        scale_weights(weights, sum, upwards, whole);
        // A scale cut down by the largest weight allows a smaller shift.
        if (shift == 0 || whole.sum * 1.5 > sum) return shift;
    }
    return -1;
}

bool fit_horizontal(const double* weights, double limit, double part, bool upwards, Whole& whole) {
    const double sum = part * (largest_sum / limit) - (2.0 * whole.radius + 1);
    if (sum < 1) return false;
    scale_weights(weights, sum, upwards, whole);
    return true;
}

// Four pairs of weights for each pair of rows: see PairFilter.
PairFilter pair_rows(const Whole& whole, int32_t* pairs) {
    const int64_t first = floor_half(-whole.radius);
    const int64_t last = floor_half(rows_together - 1 + whole.radius);
    int32_t* next = pairs;
    for (int64_t pair = first; pair <= last; ++pair)
        for (int row = 0; row < rows_together; ++row) {
            const uint32_t upper = static_cast<uint16_t>(whole.at(2 * pair - row));
            const uint32_t lower = static_cast<uint16_t>(whole.at(2 * pair + 1 - row));
            *next++ = static_cast<int32_t>(upper | lower << 16);
        }
    return {pairs, nullptr, last - first + 1, first, 0};
}

PairFilter pair_columns(const Whole& whole, int32_t* pairs) {
    const int64_t reach = (whole.radius + 1) / 2 * 2;
    int32_t* next = pairs;
    for (int64_t distance = -reach; distance <= reach; distance += 2)
        for (int column = 0; column < 2; ++column) {
            const uint32_t left = static_cast<uint16_t>(whole.at(distance - column));
            const uint32_t right = static_cast<uint16_t>(whole.at(distance + 1 - column));
            *next++ = static_cast<int32_t>(left | right << 16);
        }
    return {pairs, nullptr, reach + 1, -reach, 0};
}

// The largest shift keeps the sums of the corrections below 2^30.
void correct(const double* weights, double limit, Whole& whole, int32_t* pairs,
             PairFilter& filter) {
    int shift = 8;
    const double count = 2.0 * whole.radius + 1;
    while (shift > 0 && ldexp(count * limit, shift - 1) > 0x1p30) --shift;
    if (shift < 2 || count * limit > 0x1p23) return;
    whole.deviation = 0;
    for (int64_t j = 0; j <= whole.radius; ++j) {
        const double lost = ldexp(weights[j] * whole.scale - whole.weight[j], shift);
        whole.weight[j] = static_cast<int32_t>(lost < 0 ? lost - 0.5 : lost + 0.5);
        whole.deviation += (j > 0 ? 2 : 1) * ldexp(fabs(whole.weight[j] - lost), -shift);
    }
    whole.sum += static_cast<int64_t>(count);  // no less than with the corrections
    filter.corrections = pair_columns(whole, pairs).pairs;
    filter.correction_shift = shift;
}

}  // namespace nucensus
