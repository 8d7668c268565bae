// The LZW of TIFF (TIFF 6.0, section 13): codes of 9 to 12 bits, the highest bit of each first.
//
// A string of the table is the one of the code before and the first byte of the next. Both were
// written one behind the other, so it lies in the output already: the table holds where, and how
// long it is. Most strings are short, and are copied as one chunk of constant size.
#include <string.h>

#include <algorithm>

#include "abi.h"

namespace {

constexpr uint32_t clear_code = 256, end_code = 257, first_string = 258, table_size = 4096;
constexpr uint32_t least_width = 9, most_width = 12;
constexpr uint32_t chunk = 16;

class LzwDecoder {
public:
    LzwDecoder() {
        for (uint32_t byte = 0; byte < 256; ++byte) {
            literals[byte] = static_cast<uint8_t>(byte);
            strings[byte] = literals + byte;
            lengths[byte] = 1;
        }
    }

    // Fills `size` bytes at `target`; false if the codes do not do that as TIFF 6.0 has it.
    bool decode(const uint8_t* encoded, int64_t encoded_bytes, uint8_t* target, int64_t size) {
        in = encoded;
        bit = 0;
        bit_count = 8 * encoded_bytes;
        out = target;
        end = target + size;
        forget();
        is_begun = false;
        while (out < end) {
            if (last != nullptr) take_short();
            if (out < end && !take_one()) return false;
        }
        return true;
    }

private:
    // Empties the table: codes without a string have the length 0, as the two that are commands.
    void forget() {
        std::fill_n(lengths + clear_code, next - clear_code, uint16_t{0});
        next = first_string;
        width = least_width;
        last = nullptr;
        is_begun = true;
    }

    // Takes codes whose strings fit in a chunk, while neither the input, nor the output, nor the
    // codes of this width may end. That leaves one check for each code.
    void take_short() {
        const uint32_t full = width == most_width ? table_size : (1U << width) - 1;
        const int64_t there = std::max<int64_t>(0, bit_count - 64 - bit) / width;
        const int64_t count = std::min<int64_t>({full - next, there, (end - out) / chunk});
        const uint32_t bits = width, unused = 64 - width;
        const uint8_t* before = last;
        uint32_t before_length = last_length, entry = next;
        uint64_t word = 0;
        int64_t from = bit;
        uint8_t* to = out;
        const auto take = [&] {
            const uint64_t code = word >> unused;
            const uint32_t length = lengths[code];
            if (length - 1 >= chunk) return false;
            memcpy(to, strings[code], chunk);
            strings[entry] = before;
            lengths[entry++] = static_cast<uint16_t>(before_length + 1);
            before = to;
            before_length = length;
            to += length;
            from += bits;
            word <<= bits;
            return true;
        };
        for (int64_t turn = count / 4; turn > 0; --turn) {
            word = load(in + from / 8) << (from % 8);  // at least 57 bits: four codes
            if (!(take() && take() && take() && take())) break;
        }
        last = before;
        last_length = before_length;
        next = entry;
        bit = from;
        out = to;
        widen();
    }

    // Takes any code; false if it makes no sense here, or there is none.
    bool take_one() {
        if (bit_count - bit < width) return false;
        const uint32_t code = read();
        if (code == clear_code) {
            forget();
            return true;
        }
        if (last == nullptr) {
            if (!is_begun || code > 255) return false;
            last = out;
            last_length = 1;
            *out++ = static_cast<uint8_t>(code);
            return true;
        }
        if (code == end_code || code > next || next == table_size) return false;
        strings[next] = last;
        lengths[next] = static_cast<uint16_t>(last_length + 1);
        ++next;
        widen();
        write(strings[code], lengths[code]);
        return true;
    }

    // Writes a string, or what there is room for. The newest one may reach into what is written.
    void write(const uint8_t* string, int64_t length) {
        last = out;
        last_length = static_cast<uint32_t>(length);
        const int64_t room = end - out;
        if (length > chunk && length + chunk <= room) {  // it begins a chunk before this or more
            for (int64_t at = 0; at < length; at += chunk) memcpy(out + at, string + at, chunk);
        } else {
            length = std::min(length, room);
            for (int64_t at = 0; at < length; ++at) out[at] = string[at];
        }
        out += length;
    }

    void widen() {
        if (next == (1U << width) - 1 && width < most_width) ++width;
    }

    uint32_t read() {
        uint32_t three = 0;
        for (int64_t at = bit / 8; at < bit / 8 + 3; ++at) {
            three = three << 8 | (8 * at < bit_count ? in[at] : 0U);
        }
        const uint32_t code = three >> (24 - bit % 8 - width) & ((1U << width) - 1);
        bit += width;
        return code;
    }

    static uint64_t load(const uint8_t* at) {
        uint64_t word = 0;
        memcpy(&word, at, sizeof word);
        return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(word) : word;
    }

    const uint8_t* in = nullptr;
    int64_t bit = 0, bit_count = 0;
    uint8_t *out = nullptr, *end = nullptr;
    // The string of the code before; none behind the code that empties the table.
    const uint8_t* last = nullptr;
    uint32_t last_length = 0, next = table_size, width = least_width;
    bool is_begun = false;
    const uint8_t* strings[table_size];
    uint16_t lengths[table_size];
    uint8_t literals[256 + chunk] = {};
};

}  // namespace

int32_t nucensus_decode_lzw(const uint8_t* encoded, const int64_t* encoded_bytes, int64_t count,
                            uint8_t* decoded, const int64_t* decoded_bytes, int64_t* done) {
    LzwDecoder decoder;
    for (*done = 0; *done < count; ++*done) {
        if (!decoder.decode(encoded, encoded_bytes[*done], decoded, decoded_bytes[*done])) break;
        encoded += encoded_bytes[*done];
        decoded += decoded_bytes[*done];
    }
    return nucensus::status_ok;
}
