#include <zlib.h>

// deflateInit2 and inflateInit2 are macros that Swift does not import. 15 + 16 window bits: gzip framing; negative ones:
// no framing at all.
static inline int hw_raw_deflate_begin(z_streamp stream, int level, int window_bits) {
    return deflateInit2(stream, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
}
static inline int hw_raw_inflate_begin(z_streamp stream, int window_bits) { return inflateInit2(stream, window_bits); }
static inline int hw_gzip_begin(z_streamp stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
