// Which places are near each other, and what is known of those.
#include <algorithm>
#include <cmath>
#include <new>
#include <numeric>
#include <vector>

#include "abi.h"

namespace nucensus {
namespace {

// Places in bands as high as the reach, in each from left to right: what is near one lies in its
// band or in the next.
class Bands {
public:
    Bands(const double* y, const double* x, int64_t count, double reach)
        : y(y), x(x), reach(reach), band(count), order(count) {
        const double high = reach * (1 + 1e-9);  // so that rounding skips no band
        for (int64_t i = 0; i < count; ++i) band[i] = std::floor(y[i] / high);
        std::iota(order.begin(), order.end(), int64_t{0});
        std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
            return band[a] != band[b] ? band[a] < band[b] : x[a] < x[b];
        });
    }

    // Calls `meet` once with each two places, and how far they are apart.
    template <class Meet>
    void each_pair(Meet meet) const {
        for (size_t first = 0, end, end_of_next; first < order.size(); first = end) {
            end = end_of(first), end_of_next = end;
            if (end < order.size() && band[order[end]] == band[order[first]] + 1)
                end_of_next = end_of(end);
            size_t below = end;
            for (size_t i = first; i < end; ++i) {
                const int64_t one = order[i];
                while (below < end_of_next && x[one] - x[order[below]] > reach) ++below;
                meet_from(one, i + 1, end, meet);
                meet_from(one, below, end_of_next, meet);
            }
        }
    }

private:
    size_t end_of(size_t first) const {
        size_t end = first + 1;
        while (end < order.size() && band[order[end]] == band[order[first]]) ++end;
        return end;
    }

    template <class Meet>
    void meet_from(int64_t one, size_t from, size_t end, Meet meet) const {
        for (; from < end && x[order[from]] - x[one] <= reach; ++from) {
            const int64_t other = order[from];
            const double down = y[one] - y[other], across = x[one] - x[other],
                         apart = std::sqrt(down * down + across * across);
            if (apart <= reach) meet(one, other, apart);
        }
    }

    const double *y, *x;
    double reach;
    std::vector<double> band;
    std::vector<int64_t> order;
};

template <class Work>
int32_t in_bands(const double* y, const double* x, int64_t count, double reach, Work work) {
    try {
        work(Bands(y, x, count, reach));
        return status_ok;
    } catch (const std::bad_alloc&) {
        return status_no_memory;
    }
}

}  // namespace
}  // namespace nucensus

using namespace nucensus;

int32_t nucensus_find_highest_near(const double* y, const double* x, const double* heights,
                                   int64_t count, double reach, double* highest) {
    std::copy_n(heights, count, highest);
    return in_bands(y, x, count, reach, [&](const Bands& bands) {
        bands.each_pair([&](int64_t one, int64_t other, double) {
            highest[one] = std::max(highest[one], heights[other]);
            highest[other] = std::max(highest[other], heights[one]);
        });
    });
}

int32_t nucensus_count_touching(const double* y, const double* x, const double* radii,
                                int64_t count, double reach, double share, int64_t* touching) {
    std::fill_n(touching, count, 0);
    return in_bands(y, x, count, reach, [&](const Bands& bands) {
        bands.each_pair([&](int64_t one, int64_t other, double apart) {
            const bool touches = apart < share * (radii[one] + radii[other]);
            touching[one] += touches, touching[other] += touches;
        });
    });
}
