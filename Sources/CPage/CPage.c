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
static const uint8_t access_js[] = {
#embed "../../web-demo/access.js"
};
static const uint8_t bar_js[] = {
#embed "../../web-demo/bar.js"
};
static const uint8_t elements_js[] = {
#embed "../../web-demo/elements.js"
};
static const uint8_t inside_js[] = {
#embed "../../web-demo/inside.js"
};
static const uint8_t listing_js[] = {
#embed "../../web-demo/listing.js"
};
static const uint8_t rate_js[] = {
#embed "../../web-demo/rate.js"
};
static const uint8_t row_js[] = {
#embed "../../web-demo/row.js"
};
static const uint8_t rows_js[] = {
#embed "../../web-demo/rows.js"
};
static const uint8_t sending_js[] = {
#embed "../../web-demo/sending.js"
};
static const uint8_t watching_js[] = {
#embed "../../web-demo/watching.js"
};
static const uint8_t words_js[] = {
#embed "../../web-demo/words.js"
};
static const uint8_t headway_js[] = {
#embed "../../web-demo/headway.js"
};
static const uint8_t chosen_js[] = {
#embed "../../web-demo/chosen.js"
};
static const uint8_t connection_js[] = {
#embed "../../web-demo/connection.js"
};
static const uint8_t kept_js[] = {
#embed "../../web-demo/kept.js"
};
static const uint8_t requests_js[] = {
#embed "../../web-demo/requests.js"
};
static const uint8_t states_js[] = {
#embed "../../web-demo/states.js"
};
static const uint8_t transports_js[] = {
#embed "../../web-demo/transports.js"
};
static const uint8_t tus_js[] = {
#embed "../../web-demo/tus.js"
};
static const uint8_t upload_js[] = {
#embed "../../web-demo/upload.js"
};
static const uint8_t watch_js[] = {
#embed "../../web-demo/watch.js"
};
static const uint8_t watchlist_js[] = {
#embed "../../web-demo/watchlist.js"
};
static const uint8_t icon_svg[] = {
#embed "../../web-demo/icon.svg"
};

// The page and its parts, the client library and its parts, the icon.
static const hw_page files[] = {
    {"index.html", index_html, sizeof index_html},
    {"page.css", page_css, sizeof page_css},
    {"page.js", page_js, sizeof page_js},
    {"access.js", access_js, sizeof access_js},
    {"bar.js", bar_js, sizeof bar_js},
    {"elements.js", elements_js, sizeof elements_js},
    {"inside.js", inside_js, sizeof inside_js},
    {"listing.js", listing_js, sizeof listing_js},
    {"rate.js", rate_js, sizeof rate_js},
    {"row.js", row_js, sizeof row_js},
    {"rows.js", rows_js, sizeof rows_js},
    {"sending.js", sending_js, sizeof sending_js},
    {"watching.js", watching_js, sizeof watching_js},
    {"words.js", words_js, sizeof words_js},
    {"headway.js", headway_js, sizeof headway_js},
    {"chosen.js", chosen_js, sizeof chosen_js},
    {"connection.js", connection_js, sizeof connection_js},
    {"kept.js", kept_js, sizeof kept_js},
    {"requests.js", requests_js, sizeof requests_js},
    {"states.js", states_js, sizeof states_js},
    {"transports.js", transports_js, sizeof transports_js},
    {"tus.js", tus_js, sizeof tus_js},
    {"upload.js", upload_js, sizeof upload_js},
    {"watch.js", watch_js, sizeof watch_js},
    {"watchlist.js", watchlist_js, sizeof watchlist_js},
    {"icon.svg", icon_svg, sizeof icon_svg},
};

const hw_page *hw_page_file(long index) {
    long count = (long)(sizeof files / sizeof files[0]);
    return index >= 0 && index < count ? &files[index] : NULL;
}
