// Vectors of 16-bit integers: the same few operations for each instruction set.
//
// Words is a vector of `words` 16-bit integers, Longs one of half as many 32-bit
// integers of the same width. Everything is in an unnamed namespace: see level.h.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace {

#if defined(__AVX512BW__) && defined(__AVX512VNNI__)

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

#elif defined(__AVX2__)

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

#elif defined(__x86_64__)

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
Longs add_products(Longs sum, Words a, Words b) {
    return _mm_add_epi32(sum, _mm_madd_epi16(a, b));
}
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

#elif defined(__aarch64__)

typedef int16x8_t Words;
typedef int32x4_t Longs;
constexpr int words = 8;
constexpr int blocks_together = 1;
constexpr int single_blocks_together = 2;

Words load_words(const int16_t* from) { return vld1q_s16(from); }
void store_words(int16_t* to, Words value) { vst1q_s16(to, value); }
Words all_words(int value) { return vdupq_n_s16(static_cast<int16_t>(value)); }
Longs all_longs(int32_t value) { return vdupq_n_s32(value); }
Words as_words(Longs value) { return vreinterpretq_s16_s32(value); }
Words repeat_pair(int32_t pair) { return as_words(vdupq_n_s32(pair)); }
uint16x8_t as_unsigned(Words value) { return vreinterpretq_u16_s16(value); }
Words subtract(Words a, Words b) { return vsubq_s16(a, b); }
Words subtract_to_zero(Words a, Words b) {
    return vreinterpretq_s16_u16(vqsubq_u16(as_unsigned(a), as_unsigned(b)));
}
Words half_rounded_up(Words a) {
    return vreinterpretq_s16_u16(vrhaddq_u16(as_unsigned(a), vdupq_n_u16(0)));
}
Words add_saturated(Words a, Words b) { return vqaddq_s16(a, b); }
Words add_to_most(Words a, Words b) {
    return vreinterpretq_s16_u16(vqaddq_u16(as_unsigned(a), as_unsigned(b)));
}
Words upper_product(Words a, Words b) {
    const uint32x4_t low = vmull_u16(vget_low_u16(as_unsigned(a)), vget_low_u16(as_unsigned(b)));
    const uint32x4_t high = vmull_high_u16(as_unsigned(a), as_unsigned(b));
    return vuzp2q_s16(vreinterpretq_s16_u32(low), vreinterpretq_s16_u32(high));
}
Words larger(Words a, Words b) { return vmaxq_s16(a, b); }
Words smaller(Words a, Words b) { return vminq_s16(a, b); }
Words larger_of_pairs(Words a, Words b) { return vpmaxq_s16(a, b); }
Words either_bits(Words a, Words b) { return vorrq_s16(a, b); }
Words flip_bits(Words a, Words b) { return veorq_s16(a, b); }
Words swap_bytes(Words a) { return vreinterpretq_s16_u8(vrev16q_u8(vreinterpretq_u8_s16(a))); }
Words interleave_low(Words a, Words b) { return vzip1q_s16(a, b); }
Words interleave_high(Words a, Words b) { return vzip2q_s16(a, b); }
Longs add_products(Longs sum, Words a, Words b) {
    const Longs low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
    return vaddq_s32(sum, vpaddq_s32(low, vmull_high_s16(a, b)));
}
Words narrow(Longs low, Longs high, int shift) {
    const Longs count = vdupq_n_s32(-shift);
    return vcombine_s16(vqmovn_s32(vshlq_s32(low, count)), vqmovn_s32(vshlq_s32(high, count)));
}
Longs add_shifted(Longs sum, Longs value, int shift) {
    return vaddq_s32(sum, vshlq_s32(value, vdupq_n_s32(-shift)));
}
Words upper_halves(Longs even, Longs odd) {
    return vtrn2q_s16(as_words(even), as_words(odd));
}
typedef uint32_t Lanes;
constexpr int bits_per_lane = 2;
Lanes is_above(Words a, Words b) {
    // Each lane of the comparison is narrowed to two bits of the mask.
    const uint16_t bits[8] = {3, 3 << 2, 3 << 4, 3 << 6, 3 << 8, 3 << 10, 3 << 12, 3 << 14};
    return vaddvq_u16(vandq_u16(vcgtq_s16(a, b), vld1q_u16(bits)));
}
Words widen_bytes(const uint8_t* from) {
    return vreinterpretq_s16_u16(vmovl_u8(vld1_u8(from)));
}

#else

// Any other architecture: plain loops over eight words, for the compiler to vectorise.
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
    return each_word(
        [=](int i) { return (i % 2 ? odd.number[i / 2] : even.number[i / 2]) >> 16; });
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

#endif

}  // namespace
