/* What lsof -v tells: nothing of the machine that it is built on. */
#include "config.h"
#define LSOF_VERSION PACKAGE_VERSION
#define LSOF_HOST ""
#define LSOF_LOGNAME ""
#define LSOF_USER ""
#define LSOF_CC ""
#define LSOF_CCV ""
#define LSOF_CCFLAGS ""
#define LSOF_LDFLAGS ""
#define LSOF_SYSINFO ""
