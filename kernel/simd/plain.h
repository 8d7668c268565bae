// Vectors in plain loops, for the compiler to vectorise: see simd.h.
#pragma once

namespace nucensus {
namespace {

constexpr int lanes = 2;
constexpr int float_lanes = 4;

}  // namespace
}  // namespace nucensus

#include "vectors.h"

namespace nucensus {
namespace {

struct Words {
    int16_t word[8];
};
struct Longs {
    int32_t number[4];
};
constexpr int words = 8;
constexpr int blocks_together = 1;
constexpr int single_blocks_together = 2;

template <typename F>
Words each_word(F function) {
    Words result;
    for (int i = 0; i < 8; ++i) result.word[i] = static_cast<int16_t>(function(i));
    return result;
}
int clipped(int value) { return value > 32767 ? 32767 : value < -32768 ? -32768 : value; }
int positive(int16_t value) { return static_cast<uint16_t>(value); }

Words load_words(const int16_t* from) {
    Words value;
    memcpy(&value, from, sizeof value);
    return value;
}
void store_words(int16_t* to, Words value) { memcpy(to, &value, sizeof value); }
Words all_words(int value) {
    return each_word([=](int) { return value; });
}
Longs all_longs(int32_t value) { return {{value, value, value, value}}; }
Words repeat_pair(int32_t pair) {
    return each_word([=](int i) { return i % 2 ? pair >> 16 : pair; });
}
Words subtract(Words a, Words b) {
    return each_word([=](int i) { return a.word[i] - b.word[i]; });
}
Words subtract_to_zero(Words a, Words b) {
    return each_word([=](int i) {
        const int difference = positive(a.word[i]) - positive(b.word[i]);
        return difference > 0 ? difference : 0;
    });
}
Words half_rounded_up(Words a) {
    return each_word([=](int i) { return (positive(a.word[i]) + 1) >> 1; });
}
Words add_saturated(Words a, Words b) {
    return each_word([=](int i) { return clipped(a.word[i] + b.word[i]); });
}
Words add_to_most(Words a, Words b) {
    return each_word([=](int i) {
        const int sum = positive(a.word[i]) + positive(b.word[i]);
        return sum > 65535 ? 65535 : sum;
    });
}
Words upper_product(Words a, Words b) {
    return each_word([=](int i) {
        return static_cast<uint32_t>(positive(a.word[i])) *
                   static_cast<uint32_t>(positive(b.word[i])) >>
               16;
    });
}
Words larger(Words a, Words b) {
    return each_word([=](int i) { return a.word[i] > b.word[i] ? a.word[i] : b.word[i]; });
}
Words smaller(Words a, Words b) {
    return each_word([=](int i) { return a.word[i] < b.word[i] ? a.word[i] : b.word[i]; });
}
Words larger_of_pairs(Words a, Words b) {
    return each_word([=](int i) {
        const Words& from = i < 4 ? a : b;
        const int at = 2 * (i % 4);
        return from.word[at] > from.word[at + 1] ? from.word[at] : from.word[at + 1];
    });
}
Words either_bits(Words a, Words b) {
    return each_word([=](int i) { return a.word[i] | b.word[i]; });
}
Words flip_bits(Words a, Words b) {
    return each_word([=](int i) { return a.word[i] ^ b.word[i]; });
}
Words swap_bytes(Words a) {
    return each_word([=](int i) { return positive(a.word[i]) << 8 | positive(a.word[i]) >> 8; });
}
Words interleave_low(Words a, Words b) {
    return each_word([=](int i) { return i % 2 ? b.word[i / 2] : a.word[i / 2]; });
}
Words interleave_high(Words a, Words b) {
    return each_word([=](int i) { return i % 2 ? b.word[4 + i / 2] : a.word[4 + i / 2]; });
}
Longs add_products(Longs sum, Words a, Words b) {
    for (int i = 0; i < 4; ++i)
        sum.number[i] += a.word[2 * i] * b.word[2 * i] + a.word[2 * i + 1] * b.word[2 * i + 1];
    return sum;
}
Words narrow(Longs low, Longs high, int shift) {
    return each_word(
        [=](int i) { return clipped((i < 4 ? low.number[i] : high.number[i - 4]) >> shift); });
}
Longs add_shifted(Longs sum, Longs value, int shift) {
    for (int i = 0; i < 4; ++i) sum.number[i] += value.number[i] >> shift;
    return sum;
}
Words upper_halves(Longs even, Longs odd) {
    return each_word([=](int i) { return (i % 2 ? odd.number[i / 2] : even.number[i / 2]) >> 16; });
}
typedef uint32_t Lanes;
constexpr int bits_per_lane = 1;
Lanes is_above(Words a, Words b) {
    Lanes lanes = 0;
    for (int i = 0; i < 8; ++i) lanes |= static_cast<Lanes>(a.word[i] > b.word[i]) << i;
    return lanes;
}
Words widen_bytes(const uint8_t* from) {
    return each_word([=](int i) { return from[i]; });
}

Doubles widen(Integers values) { return __builtin_convertvector(values, Doubles); }
Doubles widen(Singles values) { return __builtin_convertvector(values, Doubles); }

Floats zip_low(Floats a, Floats b) { return Floats{a[0], b[0], a[1], b[1]}; }
Floats zip_high(Floats a, Floats b) { return Floats{a[2], b[2], a[3], b[3]}; }
Floats multiply_add(Floats a, Floats b, Floats c) { return a * b + c; }
unsigned is_above(Floats a, Floats b) { return bits_of_lanes(a, b); }
uint8_t bits_above(const float* values, float least) { return bits_of_eight(values, least); }

}  // namespace
}  // namespace nucensus
