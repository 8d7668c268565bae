// The least height of an object: by the distribution of heights, and above the noise.
#include "background.h"

namespace nucensus {
namespace {

constexpr int64_t height_samples = 32000;  // enough for the distribution of heights

// Otsu's threshold of log(height); `upper` becomes the median of what is above it.
class OtsuOfLogarithm {
public:
    explicit OtsuOfLogarithm(double floor) : floor(floor) {
        const float unit = 1;
        std::memcpy(&one, &unit, 4);
    }

    void add(const float* heights, int64_t count) {
        const float scale = static_cast<float>(1 / floor);
        constexpr int64_t batch = 64;
        for (int64_t i = 0; i < count; i += batch) {
            const int64_t size = std::min(batch, count - i);
            int32_t bins[batch];  // found as vectors are: which are in the first cannot be foreseen
            for (int64_t j = 0; j < size; ++j) bins[j] = bin_of(heights[i + j] * scale);
            // Most are in the first, and a count waits for the one before it.
            for (int64_t j = 0; j < size; ++j) ++partial[j % at_once][bins[j]];
        }
        n += count;
    }

    // To be called once all are added.
    void add_up() {
        for (const auto& each : partial)
            for (int j = 0; j < bin_count; ++j) counts[j] += each[j];
    }

    double threshold(double* upper) const {
        const int cut = best_cut();
        int64_t over = 0, seen = 0;
        for (int j = cut; j < bin_count; ++j) over += counts[j];
        int j = cut;
        for (; j < bin_count - 1 && (seen + counts[j]) * 2 < over; ++j) seen += counts[j];
        *upper = level(j);
        return level(cut);
    }

private:
    int32_t bin_of(float v) const {
        int32_t bits;  // as a whole number it is as large, and none is below 0
        std::memcpy(&bits, &v, 4);
        return std::min((std::max(bits, one) - one) >> bin_shift, bin_count - 1);
    }

    int best_cut() const {
        double total = 0, below = 0, sum = 0, best = -1;
        for (int j = 0; j < bin_count; ++j) total += static_cast<double>(counts[j]) * j;
        int first = 1, last = 1;
        for (int j = 0; j < bin_count - 1; ++j) {
            below += static_cast<double>(counts[j]), sum += static_cast<double>(counts[j]) * j;
            const double above = static_cast<double>(n) - below;
            if (below == 0 || above == 0) continue;
            const double gap = sum / below - (total - sum) / above,
                         between = below * above * gap * gap;
            if (between > best)
                best = between, first = last = j + 1;
            else if (between == best)
                last = j + 1;
        }
        return (first + last) / 2;
    }

    double level(int bin) const {
        const int32_t bits = one + (bin << bin_shift);
        float v;
        std::memcpy(&v, &bits, 4);
        return static_cast<double>(v) * floor;
    }

    static constexpr int bin_count = 512,
                         bin_shift =
                             18;  // 32 bins an octave: float bits are a piecewise linear log2
    static constexpr int at_once = 4;
    int32_t partial[at_once][bin_count] = {};
    int64_t counts[bin_count] = {0}, n = 0;
    double floor;
    int32_t one = 0;
};

}  // namespace

void Background::choose_threshold(const RegionSettings& settings, RegionMeasure& measure) const {
    const double noise = measure.noise;
    const int64_t count = per_tile * tile_columns;
    const int64_t every = std::max<int64_t>(1, count * per_tile * tile_rows / height_samples);
    float top[block_columns] = {};  // of each column of blocks: behind a row is the first again
    for (int64_t i = 0; i < per_tile * tile_rows; i += every)
        for (int64_t k = 0; k < count; k += block_columns)
            for (int64_t j = 0; j < block_columns; ++j) top[j] = std::max(top[j], sample(i)[k + j]);
    const double highest = *std::max_element(top, top + block_columns);
    const double floor = std::max(3 * noise, 1e-3 * highest);
    measure.otsu = measure.upper = 0;
    if (floor > 0) {
        OtsuOfLogarithm heights(floor);
        for (int64_t i = 0; i < per_tile * tile_rows; i += every) heights.add(sample(i), count);
        heights.add_up();
        measure.otsu = heights.threshold(&measure.upper);
    }
    // Pure noise reaches 7; above 10 there are nuclei, and the noise may be overstated in a crowd.
    const double above = noise > 0 ? measure.upper / noise : 10;
    const double factor =
        settings.noise_factor * (1 - .5 * std::min(std::max((above - 7) / 3, 0.), 1.));
    const double threshold = std::max({measure.otsu, settings.least_threshold, factor * noise});
    measure.threshold = threshold > 0 ? threshold : 1e-30;
}

}  // namespace nucensus
