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
static const uint8_t words_js[] = {
#embed "../../web-demo/words.js"
};
static const uint8_t headway_js[] = {
#embed "../../web-demo/headway.js"
};
static const uint8_t watch_js[] = {
#embed "../../web-demo/watch.js"
};
static const uint8_t watchlist_js[] = {
#embed "../../web-demo/watchlist.js"
};
static const uint8_t connection_js[] = {
#embed "../../web-demo/connection.js"
};
static const uint8_t transports_js[] = {
#embed "../../web-demo/transports.js"
};
static const uint8_t requests_js[] = {
#embed "../../web-demo/requests.js"
};
static const uint8_t states_js[] = {
#embed "../../web-demo/states.js"
};
static const uint8_t icon_svg[] = {
#embed "../../web-demo/icon.svg"
};

static const hw_page files[] = {
    {"index.html", index_html, sizeof index_html},
    {"page.css", page_css, sizeof page_css},
    {"page.js", page_js, sizeof page_js},
    {"words.js", words_js, sizeof words_js},
    {"headway.js", headway_js, sizeof headway_js},
    {"watch.js", watch_js, sizeof watch_js},
    {"watchlist.js", watchlist_js, sizeof watchlist_js},
    {"connection.js", connection_js, sizeof connection_js},
    {"transports.js", transports_js, sizeof transports_js},
    {"requests.js", requests_js, sizeof requests_js},
    {"states.js", states_js, sizeof states_js},
    {"icon.svg", icon_svg, sizeof icon_svg},
};

const hw_page *hw_page_file(long index) {
    long count = (long)(sizeof files / sizeof files[0]);
    return index >= 0 && index < count ? &files[index] : NULL;
}
