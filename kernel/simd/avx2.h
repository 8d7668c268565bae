// Vectors in AVX2 and FMA: see simd.h.
#pragma once

#include <immintrin.h>

namespace nucensus {
namespace {

constexpr int lanes = 4;
constexpr int float_lanes = 8;

}  // namespace
}  // namespace nucensus

#include "vectors.h"

namespace nucensus {
namespace {

typedef __m256i Words;
typedef __m256i Longs;
constexpr int words = 16;
constexpr int blocks_together = 1;
constexpr int single_blocks_together = 2;

Words load_words(const int16_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
void store_words(int16_t* to, Words value) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), value);
}
Words all_words(int value) { return _mm256_set1_epi16(static_cast<int16_t>(value)); }
Longs all_longs(int32_t value) { return _mm256_set1_epi32(value); }
Words repeat_pair(int32_t pair) { return _mm256_set1_epi32(pair); }
Words subtract(Words a, Words b) { return _mm256_sub_epi16(a, b); }
Words subtract_to_zero(Words a, Words b) { return _mm256_subs_epu16(a, b); }
Words half_rounded_up(Words a) { return _mm256_avg_epu16(a, _mm256_setzero_si256()); }
Words add_saturated(Words a, Words b) { return _mm256_adds_epi16(a, b); }
Words add_to_most(Words a, Words b) { return _mm256_adds_epu16(a, b); }
Words upper_product(Words a, Words b) { return _mm256_mulhi_epu16(a, b); }
Words larger(Words a, Words b) { return _mm256_max_epi16(a, b); }
Words smaller(Words a, Words b) { return _mm256_min_epi16(a, b); }
Words either_bits(Words a, Words b) { return _mm256_or_si256(a, b); }
Words flip_bits(Words a, Words b) { return _mm256_xor_si256(a, b); }
Words swap_bytes(Words a) {
    return _mm256_or_si256(_mm256_slli_epi16(a, 8), _mm256_srli_epi16(a, 8));
}
Words interleave_low(Words a, Words b) { return _mm256_unpacklo_epi16(a, b); }
Words interleave_high(Words a, Words b) { return _mm256_unpackhi_epi16(a, b); }
Words larger_of_pairs(Words a, Words b) {
    const __m256i pair = _mm256_set1_epi32(0xFFFF);
    const __m256i left = _mm256_and_si256(larger(a, _mm256_srli_epi32(a, 16)), pair);
    const __m256i right = _mm256_and_si256(larger(b, _mm256_srli_epi32(b, 16)), pair);
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(left, right), _MM_SHUFFLE(3, 1, 2, 0));
}
Longs add_products(Longs sum, Words a, Words b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}
Words narrow(Longs low, Longs high, int shift) {
    const __m128i count = _mm_cvtsi32_si128(shift);
    return _mm256_packs_epi32(_mm256_sra_epi32(low, count), _mm256_sra_epi32(high, count));
}
Longs add_shifted(Longs sum, Longs value, int shift) {
    return _mm256_add_epi32(sum, _mm256_sra_epi32(value, _mm_cvtsi32_si128(shift)));
}
Words upper_halves(Longs even, Longs odd) {
    return _mm256_blend_epi16(_mm256_srli_epi32(even, 16), odd, 0xAA);
}
typedef uint32_t Lanes;
constexpr int bits_per_lane = 2;
Lanes is_above(Words a, Words b) {
    return static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpgt_epi16(a, b)));
}
Words widen_bytes(const uint8_t* from) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

// GCC 12 converts vectors in halves; the instructions take whole ones.
template <>
Integers load_integers<int16_t>(const char* from) {
    return reinterpret_cast<Integers>(
        _mm_cvtepi16_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
}
template <>
Integers load_integers<uint16_t>(const char* from) {
    return reinterpret_cast<Integers>(
        _mm_cvtepu16_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
}
template <>
Integers load_integers<uint8_t>(const char* from) {
    int32_t bytes;
    memcpy(&bytes, from, sizeof bytes);
    return reinterpret_cast<Integers>(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(bytes)));
}
Doubles widen(Integers values) { return _mm256_cvtepi32_pd(reinterpret_cast<__m128i>(values)); }
Doubles widen(Singles values) { return _mm256_cvtps_pd(values); }

Floats zip_low(Floats a, Floats b) {
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20);
}
Floats zip_high(Floats a, Floats b) {
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31);
}
Floats multiply_add(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
unsigned is_above(Floats a, Floats b) {
    return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
uint8_t bits_above(const float* values, float least) {
    const __m256 above = _mm256_cmp_ps(_mm256_loadu_ps(values), _mm256_set1_ps(least), _CMP_GT_OQ);
    return static_cast<uint8_t>(_mm256_movemask_ps(above));
}

}  // namespace
}  // namespace nucensus
