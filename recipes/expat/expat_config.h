/* What expat's configure would find with musl on Linux. */
#define BYTEORDER 1234
#define HAVE_FCNTL_H 1
#define HAVE_GETPAGESIZE 1
#define HAVE_GETRANDOM 1
#define HAVE_MMAP 1
#define HAVE_UNISTD_H 1
#define PACKAGE_STRING "expat 2.7.1"
#define XML_CONTEXT_BYTES 1024
#define XML_DTD 1
#define XML_GE 1
#define XML_NS 1
