/* What lsof's configure makes of that. */
#define HASNORPC_H
#define HASIPv6
#define HASUXSOCKEPT
#define HASPTYEPT
#define HASSOSTATE
#define HASSOOPT
#define HAS_STRFTIME
#define HASWCTYPE_H
#define NEEDS_NETINET_TCPH
