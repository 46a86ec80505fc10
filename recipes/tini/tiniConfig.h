/* What CMake would make of tiniConfig.h.in. */
#define TINI_VERSION "0.19.0"
#define TINI_GIT     ""
