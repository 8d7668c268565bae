// Numbers as text: the rows of CSV and GeoJSON files.
#include <math.h>
#include <string.h>

#include <algorithm>
#include <charconv>

#include "abi.h"

namespace {

char* write_whole(char* at, double value) {
    return std::to_chars(at, at + nucensus::number_bytes, static_cast<int64_t>(value)).ptr;
}

// The shortest text that reads back to the same number, spelled as Python's repr does.
template <class Number>
char* write_shortest(char* at, Number value) {
    const double size = fabs(static_cast<double>(value));
    if (isnan(value)) return static_cast<char*>(memcpy(at, "nan", 3)) + 3;
    const bool plain = size == 0 || (size >= 1e-4 && size < 1e16);
    char* const end =
        std::to_chars(at, at + nucensus::number_bytes, value,
                      plain ? std::chars_format::fixed : std::chars_format::scientific)
            .ptr;
    if (!plain || memchr(at, '.', end - at) != nullptr) return end;
    return static_cast<char*>(memcpy(end, ".0", 2)) + 2;
}

constexpr double tens[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};

// The same of single precision, in a third of the time for numbers of an ordinary size: of their
// nine digits the last three are left out, or two, or one, where what is left still tells them from
// the number below. All else is as above.
char* write_shortest(char* at, float value) {
    const float size = fabsf(value);
    if (!(size >= 1e-3F && size < 1e8F)) return write_shortest<float>(at, value);
    uint32_t bits;
    memcpy(&bits, &size, sizeof bits);
    const int power = ((static_cast<int>(bits >> 23) - 127) * 1233) >> 12;  // 10^power is no more
    int decimals = 8 - power;
    const double scaled = size * tens[decimals],
                 half = .499999 * (size - nextafterf(size, 0)) * tens[decimals];
    int left_out = std::min(3, decimals - 1);
    const auto rounded = [&] { return static_cast<int64_t>(scaled / tens[left_out] + .5); };
    int64_t digits = rounded();
    while (fabs(static_cast<double>(digits) * tens[left_out] - scaled) >= half)
        --left_out, digits = rounded();
    decimals -= left_out;
    for (; decimals > 1 && digits % 10 == 0; digits /= 10) --decimals;
    if (value < 0) *at++ = '-';
    const auto unit = static_cast<int64_t>(tens[decimals]);
    at = std::to_chars(at, at + nucensus::number_bytes, digits / unit).ptr;
    *at = '.';
    int64_t rest = digits % unit;
    for (int place = decimals; place > 0; --place, rest /= 10)
        at[place] = static_cast<char>('0' + rest % 10);
    return at + decimals + 1;
}

// JSON has no infinity, but readers turn a number beyond all doubles into one.
template <class Number>
char* write_json(char* at, Number value) {
    if (!isinf(value)) return write_shortest(at, value);
    const char* const text = value > 0 ? "1e999" : "-1e999";
    return static_cast<char*>(memcpy(at, text, strlen(text))) + strlen(text);
}

char* write_number(char* at, char kind, double value) {
    if (kind == 'i') return write_whole(at, value);
    if (kind == 'F') return write_json(at, static_cast<float>(value));
    if (kind == 'D') return write_json(at, value);
    if ((kind == 'o' || kind == 'O') && isnan(value)) return at;
    const bool is_single = kind == 'f' || kind == 'o';
    return is_single ? write_shortest(at, static_cast<float>(value)) : write_shortest(at, value);
}

char* append(char* at, const char* text, int64_t bytes) {
    memcpy(at, text, bytes);
    return at + bytes;
}

}  // namespace

int32_t nucensus_format_rows(const double* values, const char* kinds, const char* literals,
                             const int64_t* literal_bytes, int64_t group_count,
                             const int64_t* group_rows, const char* names,
                             const int64_t* name_bytes, char* text, int64_t* bytes) {
    char* at = text;
    for (int64_t group = 0; group < group_count; names += name_bytes[group++]) {
        for (int64_t row = 0; row < group_rows[group]; ++row) {
            at = append(at, names, name_bytes[group]);
            const char* literal = literals;
            for (int64_t place = 0;; ++place) {
                at = append(at, literal, literal_bytes[place]);
                literal += literal_bytes[place];
                if (kinds[place] == '\0') break;
                at = write_number(at, kinds[place], *values++);
            }
        }
    }
    *bytes = at - text;
    return nucensus::status_ok;
}
