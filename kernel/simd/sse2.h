// Vectors in SSE2, which every x86-64 processor has: see simd.h.
#pragma once

#include <immintrin.h>

namespace nucensus {
namespace {

constexpr int lanes = 2;
constexpr int float_lanes = 4;

}  // namespace
}  // namespace nucensus

#include "vectors.h"

namespace nucensus {
namespace {

typedef __m128i Words;
typedef __m128i Longs;
constexpr int words = 8;
constexpr int blocks_together = 1;
constexpr int single_blocks_together = 2;

Words load_words(const int16_t* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}
void store_words(int16_t* to, Words value) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), value);
}
Words all_words(int value) { return _mm_set1_epi16(static_cast<int16_t>(value)); }
Longs all_longs(int32_t value) { return _mm_set1_epi32(value); }
Words repeat_pair(int32_t pair) { return _mm_set1_epi32(pair); }
Words subtract(Words a, Words b) { return _mm_sub_epi16(a, b); }
Words subtract_to_zero(Words a, Words b) { return _mm_subs_epu16(a, b); }
Words half_rounded_up(Words a) { return _mm_avg_epu16(a, _mm_setzero_si128()); }
Words add_saturated(Words a, Words b) { return _mm_adds_epi16(a, b); }
Words add_to_most(Words a, Words b) { return _mm_adds_epu16(a, b); }
Words upper_product(Words a, Words b) { return _mm_mulhi_epu16(a, b); }
Words larger(Words a, Words b) { return _mm_max_epi16(a, b); }
Words smaller(Words a, Words b) { return _mm_min_epi16(a, b); }
Words either_bits(Words a, Words b) { return _mm_or_si128(a, b); }
Words flip_bits(Words a, Words b) { return _mm_xor_si128(a, b); }
Words swap_bytes(Words a) { return _mm_or_si128(_mm_slli_epi16(a, 8), _mm_srli_epi16(a, 8)); }
Words interleave_low(Words a, Words b) { return _mm_unpacklo_epi16(a, b); }
Words interleave_high(Words a, Words b) { return _mm_unpackhi_epi16(a, b); }
Words larger_of_pairs(Words a, Words b) {
    const __m128i pair = _mm_set1_epi32(0xFFFF);
    const __m128i left = _mm_and_si128(larger(a, _mm_srli_epi32(a, 16)), pair);
    const __m128i right = _mm_and_si128(larger(b, _mm_srli_epi32(b, 16)), pair);
    return _mm_packs_epi32(left, right);
}
Longs add_products(Longs sum, Words a, Words b) { return _mm_add_epi32(sum, _mm_madd_epi16(a, b)); }
Words narrow(Longs low, Longs high, int shift) {
    const __m128i count = _mm_cvtsi32_si128(shift);
    return _mm_packs_epi32(_mm_sra_epi32(low, count), _mm_sra_epi32(high, count));
}
Longs add_shifted(Longs sum, Longs value, int shift) {
    return _mm_add_epi32(sum, _mm_sra_epi32(value, _mm_cvtsi32_si128(shift)));
}
Words upper_halves(Longs even, Longs odd) {
    const __m128i upper = _mm_set1_epi32(static_cast<int32_t>(0xFFFF0000u));
    return _mm_or_si128(_mm_srli_epi32(even, 16), _mm_and_si128(odd, upper));
}
typedef uint32_t Lanes;
constexpr int bits_per_lane = 2;
Lanes is_above(Words a, Words b) {
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpgt_epi16(a, b)));
}
Words widen_bytes(const uint8_t* from) {
    return _mm_unpacklo_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)),
                             _mm_setzero_si128());
}

Doubles widen(Integers values) { return __builtin_convertvector(values, Doubles); }
Doubles widen(Singles values) { return __builtin_convertvector(values, Doubles); }

Floats zip_low(Floats a, Floats b) { return _mm_unpacklo_ps(a, b); }
Floats zip_high(Floats a, Floats b) { return _mm_unpackhi_ps(a, b); }
Floats multiply_add(Floats a, Floats b, Floats c) { return a * b + c; }
unsigned is_above(Floats a, Floats b) { return _mm_movemask_ps(_mm_cmpgt_ps(a, b)); }
uint8_t bits_above(const float* values, float least) {
    const __m128 all = _mm_set1_ps(least);
    const int low = _mm_movemask_ps(_mm_cmpgt_ps(_mm_loadu_ps(values), all));
    const int high = _mm_movemask_ps(_mm_cmpgt_ps(_mm_loadu_ps(values + 4), all));
    return static_cast<uint8_t>(low | high << 4);
}

}  // namespace
}  // namespace nucensus
