// The page of web-demo/, inside the binary: nothing has to lie beside it.
#ifndef HEADWAY_CPAGE_H
#define HEADWAY_CPAGE_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;
    const uint8_t *bytes;
    size_t count;
} hw_page;

/// The file of this index, or NULL behind the last one.
const hw_page *hw_page_file(long index);

#endif
