#include <zlib.h>

// deflateInit2 is a macro that Swift does not import. 15 + 16 window bits: gzip framing.
static inline int hw_gzip_begin(z_streamp stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
