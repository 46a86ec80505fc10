/* What lsof's configure finds on musl and Linux. */
#define PACKAGE_VERSION "4.99.4"
#define API_EXPORT
