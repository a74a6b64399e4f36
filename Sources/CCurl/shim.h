// What Swift cannot import from libcurl: its variadic calls, one typed wrapper each, and nothing else.
// A wrapper hands its arguments on unchanged; which option takes which type is said in curl_easy_setopt(3).

#ifndef HEADWAY_CCURL_SHIM_H
#define HEADWAY_CCURL_SHIM_H

#include <curl/curl.h>

typedef size_t (*hw_curl_data_callback)(char *data, size_t size, size_t count, void *context);
typedef int (*hw_curl_progress_callback)(void *context, curl_off_t download_total, curl_off_t downloaded,
                                         curl_off_t upload_total, curl_off_t uploaded);

/// curl_global_init(3) with everything; call it once, before any other thread exists.
static inline CURLcode hw_curl_global_init(void) {
    return curl_global_init(CURL_GLOBAL_ALL);
}

static inline CURLcode hw_curl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode hw_curl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}

/// libcurl copies the string (all but CURLOPT_POSTFIELDS).
static inline CURLcode hw_curl_set_string(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

/// libcurl keeps the pointer: it must stay valid as long as the handle uses it.
static inline CURLcode hw_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value);
}

/// The list must outlive the transfer; free it with curl_slist_free_all(3) after.
static inline CURLcode hw_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value);
}

/// For CURLOPT_WRITEFUNCTION, CURLOPT_READFUNCTION and CURLOPT_HEADERFUNCTION, which share one shape.
static inline CURLcode hw_curl_set_data_callback(CURL *easy, CURLoption option, hw_curl_data_callback callback) {
    return curl_easy_setopt(easy, option, callback);
}

/// CURLOPT_SEEKFUNCTION.
static inline CURLcode hw_curl_set_seek_callback(CURL *easy, curl_seek_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, callback);
}

/// CURLOPT_XFERINFOFUNCTION.
static inline CURLcode hw_curl_set_progress_callback(CURL *easy, hw_curl_progress_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, callback);
}

static inline CURLcode hw_curl_get_long(CURL *easy, CURLINFO info, long *value) {
    return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode hw_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
    return curl_easy_getinfo(easy, info, value);
}

/// The string belongs to the handle.
static inline CURLcode hw_curl_get_string(CURL *easy, CURLINFO info, const char **value) {
    return curl_easy_getinfo(easy, info, value);
}

static inline CURLMcode hw_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

#endif
