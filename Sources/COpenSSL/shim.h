// The digests' own functions, which OpenSSL 3 advises against in favour of EVP: fetching an algorithm through EVP loads
// the library's configuration, its providers and their tables, megabytes that a server would hold for nothing.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <openssl/sha.h>
