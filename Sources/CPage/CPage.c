#include "CPage.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const uint8_t index_html[] = {
#embed "../../web-demo/index.html"
};
static const uint8_t page_css[] = {
#embed "../../web-demo/page.css"
};
static const uint8_t page_js[] = {
#embed "../../web-demo/page.js"
};
static const uint8_t headway_js[] = {
#embed "../../web-demo/headway.js"
};
static const uint8_t icon_svg[] = {
#embed "../../web-demo/icon.svg"
};

static const hw_page files[] = {
    {"index.html", index_html, sizeof index_html}, {"page.css", page_css, sizeof page_css},
    {"page.js", page_js, sizeof page_js},          {"headway.js", headway_js, sizeof headway_js},
    {"icon.svg", icon_svg, sizeof icon_svg},
};

const hw_page *hw_page_file(long index) {
    long count = (long)(sizeof files / sizeof files[0]);
    return index >= 0 && index < count ? &files[index] : NULL;
}
