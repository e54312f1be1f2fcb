#include "labd/lab/spec.h"

#include <errno.h>
#include <string.h>

static const char *const carrier_names[N_CARRIERS] = {
	[CARRIER_VETH] = "veth",
	[CARRIER_AUTO] = "auto",
	[CARRIER_TAP] = "tap",
	[CARRIER_RING] = "ring",
};

const char *carrier_name(enum carrier carrier)
{
	return carrier < N_CARRIERS ? carrier_names[carrier] : "?";
}

int carrier_parse(const char *text, enum carrier *ret)
{
	for (int i = 0; i < N_CARRIERS; i++)
		if (strcmp(text, carrier_names[i]) == 0) {
			*ret = (enum carrier)i;
			return 0;
		}
	return -EINVAL;
}
