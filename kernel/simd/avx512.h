// Vectors in AVX-512 with BW, DQ, VL and VNNI: see simd.h.
#pragma once

#include <immintrin.h>

namespace nucensus {
namespace {

constexpr int lanes = 8;
constexpr int float_lanes = 16;

}  // namespace
}  // namespace nucensus

#include "vectors.h"

namespace nucensus {
namespace {

typedef __m512i Words;
typedef __m512i Longs;
constexpr int words = 32;
// Blocks whose sums the registers hold at once, for the rows of a group and for
// single rows: the more of them, the fewer wait for one another.
constexpr int blocks_together = 2;
constexpr int single_blocks_together = 4;

Words load_words(const int16_t* from) { return _mm512_loadu_si512(from); }
void store_words(int16_t* to, Words value) { _mm512_storeu_si512(to, value); }
Words all_words(int value) { return _mm512_set1_epi16(static_cast<int16_t>(value)); }
Longs all_longs(int32_t value) { return _mm512_set1_epi32(value); }
Words repeat_pair(int32_t pair) { return _mm512_set1_epi32(pair); }
Words subtract(Words a, Words b) { return _mm512_sub_epi16(a, b); }
Words subtract_to_zero(Words a, Words b) { return _mm512_subs_epu16(a, b); }
Words half_rounded_up(Words a) { return _mm512_avg_epu16(a, _mm512_setzero_si512()); }
Words add_saturated(Words a, Words b) { return _mm512_adds_epi16(a, b); }
Words add_to_most(Words a, Words b) { return _mm512_adds_epu16(a, b); }
Words upper_product(Words a, Words b) { return _mm512_mulhi_epu16(a, b); }
Words larger(Words a, Words b) { return _mm512_max_epi16(a, b); }
Words smaller(Words a, Words b) { return _mm512_min_epi16(a, b); }
Words either_bits(Words a, Words b) { return _mm512_or_si512(a, b); }
Words flip_bits(Words a, Words b) { return _mm512_xor_si512(a, b); }
Words swap_bytes(Words a) {
    return _mm512_or_si512(_mm512_slli_epi16(a, 8), _mm512_srli_epi16(a, 8));
}
Words interleave_low(Words a, Words b) { return _mm512_unpacklo_epi16(a, b); }
Words interleave_high(Words a, Words b) { return _mm512_unpackhi_epi16(a, b); }
// The larger of each two neighbours, none of them negative, of one vector and the next.
Words larger_of_pairs(Words a, Words b) {
    const __m512i pair = _mm512_set1_epi32(0xFFFF);
    const __m512i left = _mm512_and_si512(larger(a, _mm512_srli_epi32(a, 16)), pair);
    const __m512i right = _mm512_and_si512(larger(b, _mm512_srli_epi32(b, 16)), pair);
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    return _mm512_permutexvar_epi64(order, _mm512_packs_epi32(left, right));
}
Longs add_products(Longs sum, Words a, Words b) { return _mm512_dpwssd_epi32(sum, a, b); }
Words narrow(Longs low, Longs high, int shift) {
    const __m128i count = _mm_cvtsi32_si128(shift);
    return _mm512_packs_epi32(_mm512_sra_epi32(low, count), _mm512_sra_epi32(high, count));
}
Longs add_shifted(Longs sum, Longs value, int shift) {
    return _mm512_add_epi32(sum, _mm512_sra_epi32(value, _mm_cvtsi32_si128(shift)));
}
// The upper halves of sums at even and at odd places, in order.
Words upper_halves(Longs even, Longs odd) {
    return _mm512_mask_blend_epi16(0xAAAAAAAAu, _mm512_srli_epi32(even, 16), odd);
}
typedef __mmask32 Lanes;
constexpr int bits_per_lane = 1;
Lanes is_above(Words a, Words b) { return _mm512_cmpgt_epi16_mask(a, b); }
Words widen_bytes(const uint8_t* from) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

// GCC 12 converts vectors in halves; the instructions take whole ones.
template <>
Integers load_integers<int16_t>(const char* from) {
    return reinterpret_cast<Integers>(
        _mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}
template <>
Integers load_integers<uint16_t>(const char* from) {
    return reinterpret_cast<Integers>(
        _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}
template <>
Integers load_integers<uint8_t>(const char* from) {
    return reinterpret_cast<Integers>(
        _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
}
Doubles widen(Integers values) { return _mm512_cvtepi32_pd(reinterpret_cast<__m256i>(values)); }
Doubles widen(Singles values) { return _mm512_cvtps_pd(values); }

// The lanes of two vectors in turn, of their first halves and of their second ones.
Floats zip_low(Floats a, Floats b) {
    const __m512i order = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    return _mm512_permutex2var_ps(a, order, b);
}
Floats zip_high(Floats a, Floats b) {
    const __m512i order =
        _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    return _mm512_permutex2var_ps(a, order, b);
}
Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
unsigned is_above(Floats a, Floats b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
uint8_t bits_above(const float* values, float least) {
    const __m256 above = _mm256_cmp_ps(_mm256_loadu_ps(values), _mm256_set1_ps(least), _CMP_GT_OQ);
    return static_cast<uint8_t>(_mm256_movemask_ps(above));
}

}  // namespace
}  // namespace nucensus
