/* Names of numbers on the wire. */
#include "snmp/snmp_wire.h"

const char *snmp_pdu_name(uint8_t pdu)
{
	static const char *const names[] = {
		"get-request",	  "get-next-request", "get-response", "set-request", "trap",
		"getBulkRequest", "informRequest",    "snmpV2-trap",  "report",
	};

	return pdu >= SNMP_GET && pdu <= SNMP_REPORT ? names[pdu - SNMP_GET] : NULL;
}

const char *snmp_error_name(int32_t error)
{
	static const char *const names[] = {
		"noError",
		"tooBig",
		"noSuchName",
		"badValue",
		"readOnly",
		"genErr",
		"noAccess",
		"wrongType",
		"wrongLength",
		"wrongEncoding",
		"wrongValue",
		"noCreation",
		"inconsistentValue",
		"resourceUnavailable",
		"commitFailed",
		"undoFailed",
		"authorizationError",
		"notWritable",
		"inconsistentName",
	};

	_Static_assert(ARRAY_SIZE(names) == SNMP_N_ERRORS, "a name each");
	return error >= 0 && error < SNMP_N_ERRORS ? names[error] : "an unknown error";
}

const char *snmp_generic_name(int32_t generic)
{
	static const char *const names[] = {
		"coldStart",
		"warmStart",
		"linkDown",
		"linkUp",
		"authenticationFailure",
		"egpNeighborLoss",
		"enterpriseSpecific",
	};

	return generic >= 0 && generic < (int32_t)ARRAY_SIZE(names) ? names[generic] : "unknown";
}

const char *snmp_version_name(int32_t version)
{
	return version == SNMP_V1 ? "v1" : version == SNMP_V2C ? "v2c" : "v3";
}
