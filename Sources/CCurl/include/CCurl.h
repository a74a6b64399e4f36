// libcurl, loaded when it is first asked for: it and the libraries it brings cost 4.5 MB of resident memory in every
// process that is linked with it, and of Headway's processes only the command line and `headway embed` call it.
//
// Call `hw_curl_load` first. The types are libcurl's own; every function that is used has a wrapper of its name with
// `hw_` before it. The variadic ones, which Swift cannot import, have one typed wrapper for each kind of argument; which
// option takes which kind is said in curl_easy_setopt(3).

#ifndef HEADWAY_CCURL_H
#define HEADWAY_CCURL_H

#include <curl/curl.h>

typedef size_t (*hw_curl_data_callback)(char *data, size_t size, size_t count, void *context);

/// Loads libcurl and initialises it (curl_global_init(3) with everything). Call it before any other thread exists; to
/// call it again costs nothing. NULL, or why there is no libcurl.
const char *hw_curl_load(void);

CURL *hw_curl_easy_init(void);
void hw_curl_easy_cleanup(CURL *easy);
CURLcode hw_curl_easy_pause(CURL *easy, int directions);
const char *hw_curl_easy_strerror(CURLcode code);
struct curl_slist *hw_curl_slist_append(struct curl_slist *list, const char *text);
void hw_curl_slist_free_all(struct curl_slist *list);
CURLM *hw_curl_multi_init(void);
CURLMcode hw_curl_multi_cleanup(CURLM *multi);
CURLMcode hw_curl_multi_add_handle(CURLM *multi, CURL *easy);
CURLMcode hw_curl_multi_remove_handle(CURLM *multi, CURL *easy);
CURLMcode hw_curl_multi_perform(CURLM *multi, int *running);
CURLMcode hw_curl_multi_poll(CURLM *multi, struct curl_waitfd *waits, unsigned int count, int milliseconds, int *ready);
CURLMsg *hw_curl_multi_info_read(CURLM *multi, int *queued);

CURLcode hw_curl_set_long(CURL *easy, CURLoption option, long value);
CURLcode hw_curl_set_offset(CURL *easy, CURLoption option, curl_off_t value);
/// libcurl copies the string (all but CURLOPT_POSTFIELDS).
CURLcode hw_curl_set_string(CURL *easy, CURLoption option, const char *value);
/// libcurl keeps the pointer: it must stay valid as long as the handle uses it.
CURLcode hw_curl_set_pointer(CURL *easy, CURLoption option, void *value);
/// The list must outlive the transfer; free it with `hw_curl_slist_free_all` after.
CURLcode hw_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value);
/// For CURLOPT_WRITEFUNCTION, CURLOPT_READFUNCTION and CURLOPT_HEADERFUNCTION, which share one shape.
CURLcode hw_curl_set_data_callback(CURL *easy, CURLoption option, hw_curl_data_callback callback);
/// CURLOPT_SEEKFUNCTION.
CURLcode hw_curl_set_seek_callback(CURL *easy, curl_seek_callback callback);
CURLcode hw_curl_get_long(CURL *easy, CURLINFO info, long *value);
CURLcode hw_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value);
CURLMcode hw_curl_multi_set_long(CURLM *multi, CURLMoption option, long value);

#endif
