// The macros that check an option's type know it at the call alone; here it is known by the wrapper.
#define CURL_DISABLE_TYPECHECK
#include "CCurl.h"

#include <dlfcn.h>
#include <stdbool.h>

// The interface's version is in the name since 2006: a library of this name has every function that ever was in it.
static const char LIBRARY[] = "libcurl.so.4";

#define FUNCTIONS(each) \
    each(easy_init) each(easy_cleanup) each(easy_pause) each(easy_strerror) each(easy_setopt) each(easy_getinfo) \
    each(slist_append) each(slist_free_all) each(multi_init) each(multi_cleanup) each(multi_add_handle) \
    each(multi_remove_handle) each(multi_perform) each(multi_poll) each(multi_info_read) each(multi_setopt) \
    each(global_init)

#define POINTER(name) __typeof__(&curl_##name) name;
static struct { FUNCTIONS(POINTER) } curl;

static const char *load(void) {
    // Never closed: libcurl's own threads and its exit handlers may outlive any use of ours.
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return dlerror();
#define RESOLVE(name) \
    curl.name = (__typeof__(curl.name))dlsym(library, "curl_" #name); \
    if (curl.name == NULL) return "libcurl.so.4 is too old: it has no curl_" #name;
    FUNCTIONS(RESOLVE)
    return curl.global_init(CURL_GLOBAL_ALL) == CURLE_OK ? NULL : "curl_global_init failed";
}

const char *hw_curl_load(void) {
    static bool isLoaded = false;
    if (isLoaded) return NULL;
    const char *failure = load();
    isLoaded = failure == NULL;
    return failure;
}

CURL *hw_curl_easy_init(void) { return curl.easy_init(); }
void hw_curl_easy_cleanup(CURL *easy) { curl.easy_cleanup(easy); }
CURLcode hw_curl_easy_pause(CURL *easy, int directions) { return curl.easy_pause(easy, directions); }
const char *hw_curl_easy_strerror(CURLcode code) { return curl.easy_strerror(code); }
struct curl_slist *hw_curl_slist_append(struct curl_slist *list, const char *text) {
    return curl.slist_append(list, text);
}
void hw_curl_slist_free_all(struct curl_slist *list) { curl.slist_free_all(list); }
CURLM *hw_curl_multi_init(void) { return curl.multi_init(); }
CURLMcode hw_curl_multi_cleanup(CURLM *multi) { return curl.multi_cleanup(multi); }
CURLMcode hw_curl_multi_add_handle(CURLM *multi, CURL *easy) { return curl.multi_add_handle(multi, easy); }
CURLMcode hw_curl_multi_remove_handle(CURLM *multi, CURL *easy) { return curl.multi_remove_handle(multi, easy); }
CURLMcode hw_curl_multi_perform(CURLM *multi, int *running) { return curl.multi_perform(multi, running); }
CURLMcode hw_curl_multi_poll(CURLM *multi, struct curl_waitfd *waits, unsigned int count, int milliseconds, int *ready) {
    return curl.multi_poll(multi, waits, count, milliseconds, ready);
}
CURLMsg *hw_curl_multi_info_read(CURLM *multi, int *queued) { return curl.multi_info_read(multi, queued); }

CURLcode hw_curl_set_long(CURL *easy, CURLoption option, long value) { return curl.easy_setopt(easy, option, value); }
CURLcode hw_curl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
    return curl.easy_setopt(easy, option, value);
}
CURLcode hw_curl_set_string(CURL *easy, CURLoption option, const char *value) {
    return curl.easy_setopt(easy, option, value);
}
CURLcode hw_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl.easy_setopt(easy, option, value);
}
CURLcode hw_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl.easy_setopt(easy, option, value);
}
CURLcode hw_curl_set_data_callback(CURL *easy, CURLoption option, hw_curl_data_callback callback) {
    return curl.easy_setopt(easy, option, callback);
}
CURLcode hw_curl_set_seek_callback(CURL *easy, curl_seek_callback callback) {
    return curl.easy_setopt(easy, CURLOPT_SEEKFUNCTION, callback);
}
CURLcode hw_curl_get_long(CURL *easy, CURLINFO info, long *value) { return curl.easy_getinfo(easy, info, value); }
CURLcode hw_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
    return curl.easy_getinfo(easy, info, value);
}
CURLMcode hw_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl.multi_setopt(multi, option, value);
}
