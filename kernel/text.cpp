// Numbers as text: the rows of CSV and GeoJSON files.
#include <math.h>
#include <string.h>

#include <charconv>

#include "abi.h"

namespace {

char* write_whole(char* at, double value) {
    return std::to_chars(at, at + nucensus::number_bytes, static_cast<int64_t>(value)).ptr;
}

// The shortest text that reads back to the same number, spelled as Python's repr does.
char* write_shortest(char* at, double value) {
    const double size = fabs(value);
    if (isnan(value)) return static_cast<char*>(memcpy(at, "nan", 3)) + 3;
    const bool plain = size == 0 || (size >= 1e-4 && size < 1e16);
    char* const end =
        std::to_chars(at, at + nucensus::number_bytes, value,
                      plain ? std::chars_format::fixed : std::chars_format::scientific)
            .ptr;
    if (!plain || memchr(at, '.', end - at) != nullptr) return end;
    return static_cast<char*>(memcpy(end, ".0", 2)) + 2;
}

// JSON has no infinity, but readers turn a number beyond all doubles into one.
char* write_json(char* at, double value) {
    if (!isinf(value)) return write_shortest(at, value);
    const char* const text = value > 0 ? "1e999" : "-1e999";
    return static_cast<char*>(memcpy(at, text, strlen(text))) + strlen(text);
}

char* write_number(char* at, char kind, double value) {
    if (kind == 'i') return write_whole(at, value);
    if (kind == 'j') return write_json(at, value);
    return kind == 'o' && isnan(value) ? at : write_shortest(at, value);
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
